/* proctor decode: sets of capabilities, by name and by what each lets one do. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/command.h"
#include "agent/decode_print.h"
#include "agent/mask.h"
#include "agent/reference_print.h"
#include "proctor/cleanup.h"
#include "proctor/collector.h"

enum decode_option { DECODE_SELF = OPTION_OWN };

enum { OWN_SETS = 5, CAPABILITIES_MAX = 64 };

struct decode {
	bool self;
	struct reference_print print;
	struct own_state state;
	unsigned numbers[CAPABILITIES_MAX];
	struct reference reference;
};

static int handle_option(void *context, int id, const char *value, struct error **error)
{
	struct decode *decode = context;

	if (id != DECODE_SELF)
		return reference_print_option(&decode->print, id, value, error);
	decode->self = true;
	return 0;
}

/* ---- what is decoded ---------------------------------------------------------------------------- */

static int parse_masks(struct named_set *sets, char **masks, struct error **error)
{
	for (; *masks; masks++, sets++) {
		sets->name = *masks;
		if (mask_parse(*masks, &sets->set, error))
			return -1;
	}
	return 0;
}

/* Our pid as the procfs that is mounted has it: it may be that of another pid namespace than ours. */
static pid_t own_pid(struct error **error)
{
	char target[32] = "";
	ssize_t length = readlink("/proc/self", target, sizeof(target) - 1);

	if (length > 0)
		return (pid_t)strtol(target, NULL, 10);
	error_set(error, length ? errno : 0, "reading /proc/self");
	error_remedy(error, "mount a procfs of our own pid namespace there");
	return 0;
}

static void fill_state(struct own_state *state, const struct process *process, const struct self *self)
{
	state->pid = process->pid;
	state->credentials = process->credentials;
	state->securebits = self->securebits;
	if (self->namespaces[NAMESPACE_USER])
		state->user_namespace = self->user_namespace_initial ? "initial" : "other";
}

static int read_self(struct own_state *state, struct error **error)
{
	static const struct collector *const enabled[] = {&collector_host, &collector_process, NULL};
	pid_t pid = own_pid(error);
	struct request request = {.proc = "/proc", .pids = &pid, .pid_count = 1};
	struct snapshot *snapshot = pid ? snapshot_collect(enabled, &request, error) : NULL;
	const struct process *process = snapshot ? snapshot_process(snapshot, pid) : NULL;
	bool known = process && process->known & PROCESS_KNOWS_STATUS;

	if (known)
		fill_state(state, process, &snapshot->self);
	else if (snapshot)
		error_set(error, 0, "our own process, %d, is not to be read in /proc", (int)pid);
	snapshot_free(snapshot);
	return known ? 0 : -1;
}

static void name_own_sets(struct named_set sets[OWN_SETS], const struct credentials *own)
{
	sets[0] = (struct named_set){"effective", own->effective};
	sets[1] = (struct named_set){"permitted", own->permitted};
	sets[2] = (struct named_set){"inheritable", own->inheritable};
	sets[3] = (struct named_set){"bounding", own->bounding};
	sets[4] = (struct named_set){"ambient", own->ambient};
}

/* Every capability of the sets is described once. */
static void list_capabilities(struct decode *decode)
{
	struct reference *reference = &decode->reference;
	capability_set any = 0;

	for (size_t i = 0; i < reference->set_count; i++)
		any |= reference->sets[i].set;
	for (unsigned number = 0; number < CAPABILITIES_MAX; number++)
		if (any & CAPABILITY_MASK(number))
			decode->numbers[reference->capability_count++] = number;
	reference->capabilities = decode->numbers;
}

/* ---- the command -------------------------------------------------------------------------------- */

static int decode_self(struct decode *decode, struct error **error)
{
	static const struct record_kind *const kinds[] = {&record_about, &record_self, &record_set,
							  &record_capability, NULL};
	struct named_set sets[OWN_SETS];

	if (read_self(&decode->state, error))
		return EXIT_FAILED;
	name_own_sets(sets, &decode->state.credentials);
	decode->reference.sets = sets;
	decode->reference.set_count = OWN_SETS;
	decode->reference.self = &decode->state;
	decode->print.kinds = kinds;
	list_capabilities(decode);
	return reference_print(&decode->print, &decode->reference, error);
}

static int decode_masks(struct decode *decode, char **masks, size_t count, struct error **error)
{
	static const struct record_kind *const kinds[] = {&record_about, &record_set, &record_capability,
							  NULL};
	_cleanup_free_ struct named_set *sets = calloc(count, sizeof(*sets));

	if (!sets) {
		error_set(error, ENOMEM, "reading masks");
		return EXIT_FAILED;
	}
	if (parse_masks(sets, masks, error))
		return EXIT_USAGE;
	decode->reference.sets = sets;
	decode->reference.set_count = count;
	decode->print.kinds = kinds;
	list_capabilities(decode);
	return reference_print(&decode->print, &decode->reference, error);
}

static int run(const struct command *command, int argc, char **argv, struct error **error)
{
	struct decode decode = {.print.table = decode_print};
	int operands, parsed = command_parse(command, argc, argv, handle_option, &decode, &operands, error);

	if (parsed)
		return parsed > 0 ? EXIT_AUDITED : EXIT_USAGE;
	if (decode.self == (operands < argc)) {
		error_set(error, 0,
			  decode.self ? "--self and MASK exclude each other" : "give a MASK, or --self");
		return EXIT_USAGE;
	}
	return decode.self ? decode_self(&decode, error)
			   : decode_masks(&decode, argv + operands, (size_t)(argc - operands), error);
}

static const struct option_entry options[] = {
	{DECODE_SELF, "self", NULL,
	 "the five sets of this process, its no_new_privs, seccomp, securebits and user namespace",
	 COMPLETE_NONE},
	OPTION_ENTRY_FORMAT,
	OPTION_ENTRY_OUTPUT_FILE,
	{0},
};

static const char *const examples[] = {
	"proctor decode 00000000a80425fb",
	"a set as /proc/PID/status has it",
	"proctor decode net_raw,sys_admin",
	"what two capabilities let a process do, and their mask",
	"proctor decode --self",
	"what whoever is started here may do: in a container, for one",
	NULL,
};

const struct command command_decode = {
	.name = "decode",
	.synopsis = "[MASK…]",
	.summary = "capability masks, by name and by what each capability lets one do",
	.description = "MASK is a number in hexadecimal, with or without 0x, or a list of names or decimal "
		       "numbers: net_raw,CAP_SYS_ADMIN,21. What is a number in hexadecimal is taken for one; "
		       "write cap_21 for capability 21 alone.\n\nBits that have no name are told by their "
		       "number. 'proctor explain' tells more of a capability.",
	.options = options,
	.examples = examples,
	.operands = COMPLETE_NONE,
	.run = run,
};
