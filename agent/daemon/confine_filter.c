#include <errno.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/daemon/confine_calls.h"
#include "agent/daemon/confine_parts.h"
#include "collectors/open.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false /* AddressSanitizer keeps memory of its own below the program */
#endif

/* ---- rules from the table -------------------------------------------------------------------------- */

/* Allows the call, when the checks hold. One that this machine does not have is none. */
static int allow(scmp_filter_ctx filter, const char *name, unsigned count, const struct scmp_arg_cmp *checks)
{
	int number = confine_number(name);

	if (number < 0)
		return 0;
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, count, checks);
}

static bool is_for(const struct confine_call *call, unsigned roles)
{
	return roles & CALL_PARENT || call->roles & roles;
}

/* Whether the call may be made whatever its arguments are: then no line that asks for them counts. */
static bool is_free(const char *name, unsigned roles)
{
	for (const struct confine_call *call = confine_calls; call->name; call++)
		if (!strcmp(call->name, name) && is_for(call, roles) && !call->check_count)
			return true;
	return false;
}

static int add_calls(scmp_filter_ctx filter, unsigned roles)
{
	int result = 0;

	for (const struct confine_call *call = confine_calls; call->name && !result; call++)
		if (is_for(call, roles) && (!call->check_count || !is_free(call->name, roles)))
			result = allow(filter, call->name, call->check_count, call->checks);
	for (const char *const *name = confine_unknown; *name && !result; name++) {
		int number = confine_number(*name);
		if (number >= 0)
			result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), number, 0);
	}
	return result;
}

/* ---- rules that are not the same for each process
 * ------------------------------------------------------------- */

/* abort(3) and raise(3): to itself. */
static int add_own_signals(scmp_filter_ctx filter, bool any)
{
	const struct scmp_arg_cmp self = {0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0};

	return allow(filter, "tgkill", !any, &self);
}

/* Where memory begins that the program may change: behind what it asks openat2(2) with. All that it asks the
 * kernel for lies above the program; 0: not here. */
static uintptr_t changeable_from(void)
{
	uintptr_t from = (uintptr_t)(open_ways + OPEN_WAYS);
	long page = sysconf(_SC_PAGESIZE);
	void *mapped = mmap(NULL, (size_t)page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int local;

	if (mapped == MAP_FAILED)
		return 0;
	munmap(mapped, (size_t)page);
	if (SANITIZED || (uintptr_t)mapped < from || (uintptr_t)sbrk(0) < from || (uintptr_t)&local < from)
		return 0;
	return from;
}

/* No memory below `from` is mapped, unmapped or changed, and none is made executable. */
static int add_memory(scmp_filter_ctx filter, uintptr_t from)
{
	static const char *const unmapping[] = {"madvise", "munmap"};
	const struct scmp_arg_cmp above = {0, SCMP_CMP_GE, from, 0}, anywhere = {0, SCMP_CMP_EQ, 0, 0};
	const struct scmp_arg_cmp inert = {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0};
	const struct scmp_arg_cmp unfixed = {3, SCMP_CMP_MASKED_EQ, MREMAP_FIXED, 0};
	int result = 0;

	for (int i = 0; i < 2 && !result; i++)
		result = allow(filter, unmapping[i], 1, &above);
	if (!result)
		result = allow(filter, "mmap", 2, (struct scmp_arg_cmp[]){above, inert});
	if (!result && from)
		result = allow(filter, "mmap", 2, (struct scmp_arg_cmp[]){anywhere, inert});
	if (!result)
		result = allow(filter, "mprotect", 2, (struct scmp_arg_cmp[]){above, inert});
	if (!result)
		result = allow(filter, "mremap", 2, (struct scmp_arg_cmp[]){above, unfixed});
	return result;
}

/* openat2(2) with an entry of the table. Nothing else can be put there: the table is read-only, and what
 * would make it another begins at an address below its end. No entry writes. */
static int add_openat2(scmp_filter_ctx filter, uintptr_t from)
{
	int result = 0;

	if (!from)
		return allow(filter, "openat2", 0, NULL);
	for (const struct open_how *way = open_ways; way < open_ways + OPEN_WAYS && !result; way++) {
		const struct scmp_arg_cmp checks[] = {{2, SCMP_CMP_EQ, (uintptr_t)way, 0},
						      {3, SCMP_CMP_EQ, sizeof(*way), 0}};
		result = allow(filter, "openat2", 2, checks);
	}
	return result;
}

static int add_own(scmp_filter_ctx filter, enum role role, json_t *missing)
{
	uintptr_t from = changeable_from();
	int result = add_own_signals(filter, role == ROLE_PARENT);

	if (!result && role != ROLE_SHIPPER)
		result = add_openat2(filter, from);
	if (!result && role == ROLE_AUDITOR)
		result = add_memory(filter, from);
	if (role == ROLE_AUDITOR && !from)
		confine_miss(missing,
			     "seccomp: what openat2 is asked is not checked: the program does not lie "
			     "below all other memory");
	return result;
}

/* ---- all of it
 * ---------------------------------------------------------------------------------------------------- */

static unsigned roles_of(enum role role, const struct confinement *confinement)
{
	unsigned roles = 1u << role;

	if (role == ROLE_AUDITOR && confinement->file_events)
		roles |= CALL_FILE_EVENTS;
	if (role == ROLE_AUDITOR && confinement->learns)
		roles |= CALL_LEARNING;
	return roles;
}

int confine_filter(enum role role, const struct confinement *confinement, json_t *missing)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int result;

	if (!filter)
		return ENOMEM;
	/* Calls of other architectures end it, too; a tree is searched, not a list (libseccomp 2.5). */
	result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!result)
		seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!result)
		result = add_calls(filter, roles_of(role, confinement));
	if (!result)
		result = add_own(filter, role, missing);
	if (!result)
		result = seccomp_load(filter);
	seccomp_release(filter);
	return -result;
}
