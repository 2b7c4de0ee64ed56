#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/daemon/confine_parts.h"

/* What root gets without being granted it, and what would give more: off, and locked so (capabilities(7)). */
enum {
	SECUREBITS = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
		     SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
		     SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
};

/* Of which the parent has what it keeps for its children in its bounding set, and they in theirs. */
static const capability_set reading = CAPABILITY_MASK(CAP_SYS_PTRACE) | CAPABILITY_MASK(CAP_DAC_READ_SEARCH);
/* For a shipper that is another user than its parent: to become that, and to be ended. */
static const capability_set starting =
	CAPABILITY_MASK(CAP_SETUID) | CAPABILITY_MASK(CAP_SETGID) | CAPABILITY_MASK(CAP_KILL);

capability_set confine_wanted(enum role role, const struct confinement *confinement, bool two_users,
			      capability_set held)
{
	capability_set wanted = reading;

	if (role == ROLE_SHIPPER)
		return 0;
	if (confinement->file_events)
		wanted |= CAPABILITY_MASK(CAP_SYS_ADMIN);
	if (role == ROLE_PARENT && two_users)
		wanted |= starting;
	return wanted & held;
}

capability_set confine_effective(enum role role, capability_set wanted)
{
	static const capability_set used[] = {
		[ROLE_PARENT] = CAPABILITY_MASK(CAP_KILL), /* its children use the rest */
		[ROLE_AUDITOR] = ~(capability_set)0,
		[ROLE_SHIPPER] = 0,
	};

	return wanted & used[role];
}

static capability_set get(capng_type_t type)
{
	capability_set set = 0;

	capng_get_caps_process();
	for (unsigned i = 0; i <= CAP_LAST_CAP; i++)
		if (capng_have_capability(type, i))
			set |= CAPABILITY_MASK(i);
	return set;
}

capability_set confine_permitted(void)
{
	return get(CAPNG_PERMITTED);
}

/* Sets effective, permitted and bounding set and empties the inheritable one; the bounding set only where
 * CAP_SETPCAP is effective. */
static int set(capability_set effective, capability_set permitted, capability_set bounding,
	       capng_select_t which)
{
	capng_clear(CAPNG_SELECT_BOTH);
	for (unsigned i = 0; i <= CAP_LAST_CAP; i++) {
		if (effective & CAPABILITY_MASK(i))
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, i);
		if (permitted & CAPABILITY_MASK(i))
			capng_update(CAPNG_ADD, CAPNG_PERMITTED, i);
		if (bounding & CAPABILITY_MASK(i))
			capng_update(CAPNG_ADD, CAPNG_BOUNDING_SET, i);
	}
	return capng_apply(which);
}

/* ---- ids ---------------------------------------------------------------------------------------------- */

static int check_ids(const struct confine_ids *ids, struct error **error)
{
	uid_t uid[3];
	gid_t gid[3];

	if (getresuid(&uid[0], &uid[1], &uid[2]) || getresgid(&gid[0], &gid[1], &gid[2]))
		return error_set(error, errno, "asking who we are");
	for (int i = 0; i < 3; i++)
		if (uid[i] != ids->uid || gid[i] != ids->gid)
			return error_set(error, 0, "user %u is still user %u", (unsigned)ids->uid,
					 (unsigned)uid[i]);
	return 0;
}

/* Without CAP_SETPCAP the capabilities stay by PR_SET_KEEPCAPS, else because nothing changes them any more.
 */
static int change_ids(const struct confine_ids *ids, json_t *missing, struct error **error)
{
	bool kept = prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0;
	int number = 0;

	if (setgroups(0, NULL) && getgroups(0, NULL) > 0)
		confine_miss(missing, "groups: the supplementary ones stay: %s", strerror(errno));
	if (setresgid(ids->gid, ids->gid, ids->gid) || setresuid(ids->uid, ids->uid, ids->uid))
		number = errno;
	if (kept)
		prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	if (number == EINVAL) {
		confine_miss(missing, "user: stays %u: there is no user %u in this user namespace",
			     (unsigned)getuid(), (unsigned)ids->uid);
		return 0;
	}
	if (number)
		return error_set(error, number, "changing to user %u", (unsigned)ids->uid);
	return check_ids(ids, error);
}

/* ---- everything ------------------------------------------------------------------------------------------
 */

static void note_what_stays(capability_set wanted, json_t *missing)
{
	int bits = prctl(PR_GET_SECUREBITS);

	if ((bits & SECUREBITS) != SECUREBITS || bits & SECBIT_KEEP_CAPS)
		confine_miss(missing,
			     "securebits: not locked without CAP_SETPCAP; no_new_privs makes up for it");
	if (get(CAPNG_BOUNDING_SET) & ~(wanted | reading | starting | CAPABILITY_MASK(CAP_SYS_ADMIN)))
		confine_miss(missing,
			     "bounding set: not dropped without CAP_SETPCAP; no_new_privs makes up for it");
}

static int check_sets(capability_set effective, capability_set permitted, struct error **error)
{
	if (get(CAPNG_PERMITTED) == permitted && get(CAPNG_EFFECTIVE) == effective &&
	    !get(CAPNG_INHERITABLE) && !get(CAPNG_AMBIENT))
		return 0;
	return error_set(error, 0, "capabilities were not given up: %llx are still permitted",
			 (unsigned long long)get(CAPNG_PERMITTED));
}

int confine_privilege(const struct confine_ids *ids, capability_set held, capability_set wanted,
		      capability_set effective, json_t *missing, struct error **error)
{
	set(held, held, wanted, CAPNG_SELECT_CAPS);
	prctl(PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0); /* whether it is so is asked in the end */
	if (ids && change_ids(ids, missing, error))
		return -1;
	if (held & CAPABILITY_MASK(CAP_SETPCAP)) {
		set(held, held, wanted, CAPNG_SELECT_CAPS); /* a change of ids takes them out of force */
		set(held, held, wanted, CAPNG_SELECT_BOUNDS);
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	set(effective, wanted, wanted, CAPNG_SELECT_CAPS);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return error_set(error, errno, "setting no_new_privs");
	note_what_stays(wanted, missing);
	return check_sets(effective, wanted, error);
}
