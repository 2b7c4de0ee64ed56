#include "agent/fingerprint.h"

#include <ctype.h>
#include <string.h>

enum {
	GIVEN_OUT_MIN = 32, /* characters of an id in a text: of a container (64), a task (32), a pod (36) */
};

/* Each part with what it is and its end, so that no two sequences of parts are the same bytes. */
static void digest_part(struct sha256_ctx *hash, char what, const char *text)
{
	if (!text)
		what = '-';
	sha256_update(hash, 1, (const uint8_t *)&what);
	if (text)
		sha256_update(hash, strlen(text) + 1, (const uint8_t *)text);
}

static void digest_number(struct sha256_ctx *hash, char what, uint64_t number)
{
	uint8_t bytes[1 + sizeof(number)] = {(uint8_t)what};

	for (size_t i = 0; i < sizeof(number); i++)
		bytes[1 + i] = (uint8_t)(number >> (8 * i));
	sha256_update(hash, sizeof(bytes), bytes);
}

static struct fingerprint finish(struct sha256_ctx *hash)
{
	struct fingerprint fingerprint;

	sha256_digest(hash, sizeof(fingerprint.bytes), fingerprint.bytes);
	return fingerprint;
}

/* ---- texts with ids in them -------------------------------------------------------------------- */

/* How many characters from here on may be of an id: hexadecimal digits, and what parts those of a uuid. */
static size_t id_length(const char *text)
{
	size_t length = 0;

	while (isxdigit((unsigned char)text[length]) || text[length] == '-' || text[length] == '_')
		length++;
	return length;
}

/* As digest_part, with `*` for what looks like the id of a container, a task, a pod or a volume: the next
 * one of the same owner has another. */
static void digest_lasting_text(struct sha256_ctx *hash, char what, const char *text)
{
	if (!text || !*text) {
		digest_part(hash, what, text);
		return;
	}
	sha256_update(hash, 1, (const uint8_t *)&what);
	while (*text) {
		size_t length = id_length(text);
		bool id = length >= GIVEN_OUT_MIN;
		if (!length)
			length = 1;
		sha256_update(hash, id ? 1 : length, (const uint8_t *)(id ? "*" : text));
		text += length;
	}
	sha256_update(hash, 1, (const uint8_t *)"");
}

/* ---- the fault and who has it ------------------------------------------------------------------ */

/* A memfd has the name that the program gave it, often a random one. */
static void digest_program(struct sha256_ctx *hash, char what, const struct process *process)
{
	if (process && (!process->executable || process->executable_memfd))
		digest_part(hash, 'm', process->comm);
	else
		digest_part(hash, what, process ? process->executable : NULL);
}

/* Two task definitions, or two name spaces, may both have a container of that name. */
static void digest_owner(struct sha256_ctx *hash, const struct container *container)
{
	if (container->task && container->task->family)
		digest_part(hash, 't', container->task->family);
	if (container->pod && container->pod->name_space)
		digest_part(hash, 's', container->pod->name_space);
}

static void digest_container(struct sha256_ctx *hash, const struct container *container)
{
	if (!container) {
		digest_part(hash, 'h', "");
		return;
	}
	digest_owner(hash, container);
	if (container->name)
		digest_part(hash, 'n', container->name);
	else if (container->image)
		digest_part(hash, 'i', container->image);
	else if (container->init && container->init->executable)
		digest_program(hash, 'e', container->init);
	else
		digest_part(hash, 'c', container->id);
}

/* The process whose executable parts the findings of a rule; NULL where it does not. */
static const struct process *parting_process(const struct rule *rule, const struct subject *subject)
{
	if (rule->scope != SCOPE_PROCESS || (rule->of_container && subject->container))
		return NULL;
	return subject->process;
}

struct fingerprint fingerprint_of(const struct rule *rule, const struct subject *subject,
				  const struct verdict *verdict)
{
	struct sha256_ctx hash;

	sha256_init(&hash);
	digest_part(&hash, 'r', rule->id);
	digest_container(&hash, subject->container);
	digest_program(&hash, 'x', parting_process(rule, subject));
	digest_part(&hash, 'p', verdict->path);
	digest_lasting_text(&hash, 'k', verdict->key);
	return finish(&hash);
}

/* ---- what was decided -------------------------------------------------------------------------- */

struct fingerprint fingerprint_within(const struct fingerprint *fingerprint,
				      const struct container *container)
{
	struct sha256_ctx hash;

	sha256_init(&hash);
	sha256_update(&hash, sizeof(fingerprint->bytes), fingerprint->bytes);
	digest_part(&hash, 'c', container->id);
	return finish(&hash);
}

static void digest_evidence(struct sha256_ctx *hash, const struct evidence *evidence)
{
	digest_part(hash, 'f', evidence->name);
	switch (evidence->type) {
	case EVIDENCE_TEXT:
		digest_lasting_text(hash, 'v', evidence->text);
		break;
	case EVIDENCE_BOOLEAN:
		digest_number(hash, 'b', (uint64_t)evidence->number);
		break;
	case EVIDENCE_CAPABILITIES:
		digest_number(hash, 'c', evidence->capabilities);
		break;
	case EVIDENCE_NUMBER:
		break;
	}
}

struct fingerprint fingerprint_decided(const struct fingerprint *fingerprint, enum severity severity,
				       const struct evidence *evidence)
{
	struct sha256_ctx hash;

	sha256_init(&hash);
	sha256_update(&hash, sizeof(fingerprint->bytes), fingerprint->bytes);
	digest_part(&hash, 'd', severity_names[severity]);
	for (; evidence; evidence = evidence->next)
		if (!evidence->incidental)
			digest_evidence(&hash, evidence);
	return finish(&hash);
}

bool fingerprint_equal(const struct fingerprint *left, const struct fingerprint *right)
{
	return !memcmp(left->bytes, right->bytes, sizeof(left->bytes));
}
