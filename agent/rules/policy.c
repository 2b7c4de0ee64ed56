/* What the configuration accepts, judged itself. */
#include "agent/rules/remedy.h"
#include "proctor/finding.h"

static enum severity judge_exception_expired(const struct subject *subject, struct verdict *verdict)
{
	const struct exception *exception = subject->exception;

	if (!exception->expired)
		return SEVERITY_NONE;
	verdict->path = exception->name;
	verdict_text(verdict, "rule", exception->rule);
	verdict_text(verdict, "expires", exception->expires);
	verdict_text(verdict, "reason", exception->reason);
	return SEVERITY_LOW;
}

const struct rule rules_policy[] = {
	{
		.id = "policy.exception-expired",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_EXCEPTION,
		.good = "No exception of the configuration has expired",
		.bad = "An exception of the configuration has expired",
		.why = "what it accepted counts again: its date was set so that someone would look",
		.attack = "A risk that was accepted for a while stays for good, because nobody looked again.",
		.remedy = {.text = "Mend what it accepted and remove it, or renew it with a reason and a "
				   "date."},
		.references = REFERENCES("proctor(8)"),
		.judge = judge_exception_expired,
	},
	{0},
};
