#include "agent/decode_print.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "agent/formats/prose.h"
#include "proctor/cleanup.h"

enum { INDENT = 2, NAME_COLUMN = 22, STATE_COLUMN = 18 };

/* `docker-default +sys_ptrace` and what stands behind it; owned by the caller. NULL when memory is exhausted.
 */
static char *words_of(capability_set set, capability_set all, const char *behind)
{
	size_t words = capability_words(NULL, 0, set, all), size = words + strlen(behind) + 1;
	char *text = malloc(size);

	if (!text)
		return NULL;
	capability_words(text, size, set, all);
	memcpy(text + words, behind, size - words);
	return text;
}

static void put_capability(struct prose *prose, unsigned number, const char *before, size_t column)
{
	const struct capability_text *known = capability_describe(number);
	char name[CAPABILITY_NAME_SIZE], term[2 * CAPABILITY_NAME_SIZE];

	snprintf(term, sizeof(term), "%s%s", before, capability_name(number, name));
	prose_entry(prose, INDENT, term, column,
		    known ? known->allows : "A capability of a kernel newer than this version of Proctor.");
}

/* ---- a mask ------------------------------------------------------------------------------------- */

static void put_set(struct prose *prose, const struct named_set *named, capability_set all)
{
	int count = __builtin_popcountll(named->set);
	char mask[20], counted[32];
	_cleanup_free_ char *words = NULL;

	snprintf(mask, sizeof(mask), "%016llx", (unsigned long long)named->set);
	snprintf(counted, sizeof(counted), " (%d capabilit%s)", count, count == 1 ? "y" : "ies");
	words = words_of(named->set, all, counted);
	if (!words) {
		prose->failed = true;
		return;
	}
	prose_entry(prose, 0, mask, NAME_COLUMN, words);
	for (unsigned number = 0; number < CAPABILITY_BITS; number++)
		if (named->set & CAPABILITY_MASK(number))
			put_capability(prose, number, "", NAME_COLUMN);
}

/* ---- our own state ------------------------------------------------------------------------------ */

static void put_sets(struct prose *prose, const struct reference *reference, capability_set all)
{
	for (size_t i = 0; i < reference->set_count; i++) {
		const struct named_set *named = &reference->sets[i];
		_cleanup_free_ char *words = words_of(named->set, all, "");
		if (words)
			prose_entry(prose, INDENT, named->name, STATE_COLUMN, words);
		else
			prose->failed = true;
	}
}

static void put_seccomp(struct prose *prose, const struct credentials *credentials)
{
	char text[64] = "off: every system call";

	if (credentials->seccomp == SECCOMP_STRICT)
		snprintf(text, sizeof(text), "strict: read, write, exit and sigreturn only");
	if (credentials->seccomp == SECCOMP_FILTERED)
		snprintf(text, sizeof(text), "filter");
	if (credentials->seccomp_filters)
		snprintf(text, sizeof(text), "%u filter%s", credentials->seccomp_filters,
			 credentials->seccomp_filters == 1 ? "" : "s");
	prose_entry(prose, INDENT, "seccomp", STATE_COLUMN, text);
}

static void put_securebits(struct prose *prose, uint32_t bits)
{
	char text[32 * (CAPABILITY_NAME_SIZE + 1)] = "none", name[CAPABILITY_NAME_SIZE];
	size_t length = 0;

	for (unsigned bit = 0; bit < 32; bit++)
		if (bits >> bit & 1)
			length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s",
						   length ? " " : "", securebit_name(bit, name));
	prose_entry(prose, INDENT, "securebits", STATE_COLUMN, text);
}

static void put_state(struct prose *prose, const struct own_state *self)
{
	const char *space = self->user_namespace;

	prose_entry(prose, INDENT, "no_new_privs", STATE_COLUMN,
		    self->credentials.no_new_privs ? "on: no file that it executes gives it more"
						   : "off: files that it executes may give it more");
	put_seccomp(prose, &self->credentials);
	put_securebits(prose, self->securebits);
	if (!space)
		prose_entry(prose, INDENT, "user namespace", STATE_COLUMN, "not readable");
	else if (!strcmp(space, "initial"))
		prose_entry(prose, INDENT, "user namespace", STATE_COLUMN, "the host's");
	else
		prose_entry(prose, INDENT, "user namespace", STATE_COLUMN,
			    "another than the host's: capabilities act on what that one owns only");
}

/* `ep-b-`: which of the sets have it, by their first letters. */
static void put_owned(struct prose *prose, const struct reference *reference)
{
	for (size_t i = 0; i < reference->capability_count; i++) {
		unsigned number = reference->capabilities[i];
		char letters[] = "-----  ";
		for (size_t k = 0; k < reference->set_count && letters[k] == '-'; k++)
			if (reference->sets[k].set & CAPABILITY_MASK(number))
				letters[k] = reference->sets[k].name[0];
		put_capability(prose, number, letters, NAME_COLUMN + strlen(letters));
	}
}

static void put_self(struct prose *prose, const struct reference *reference, capability_set all)
{
	char heading[64];

	snprintf(heading, sizeof(heading), "This process, %d, of uid %u", (int)reference->self->pid,
		 reference->self->credentials.uid[ID_EFFECTIVE]);
	prose_heading(prose, heading);
	put_sets(prose, reference, all);
	put_state(prose, reference->self);
	if (!reference->capability_count)
		return;
	output_text(prose->output, "\n");
	prose_paragraph(prose, 0,
			"Effective, permitted, inheritable, bounding and ambient, by their first letters:");
	put_owned(prose, reference);
}

/* The kernel's whole set, by PR_CAPBSET_READ of prctl(2): needs no procfs. */
static capability_set all_capabilities(void)
{
	unsigned last = 0;

	while (last < CAPABILITY_BITS - 1 && prctl(PR_CAPBSET_READ, last + 1) >= 0)
		last++;
	return capability_all(last);
}

int decode_print(const struct reference *reference, struct output *output, struct error **error)
{
	struct prose prose = {.output = output, .look = table_look_of(output)};
	capability_set all = all_capabilities();

	if (reference->self)
		put_self(&prose, reference, all);
	for (size_t i = 0; !reference->self && i < reference->set_count; i++) {
		if (i)
			output_text(output, "\n");
		put_set(&prose, &reference->sets[i], all);
	}
	return prose.failed ? error_set(error, ENOMEM, "printing capabilities") : 0;
}
