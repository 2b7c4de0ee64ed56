#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "agent/daemon/confine.h"
#include "proctor/text.h"

static const char default_user[] = "proctor";
enum { NOBODY = 65534 };

/* A number is its own group, unless there is a user of that number. */
static bool take_number(const char *name, struct confine_ids *ids)
{
	const char *cursor = name, *end = name + strlen(name);
	const struct passwd *entry;
	uint64_t number;

	if (!text_read_number(&cursor, end, 10, &number) || cursor != end || number >= UINT32_MAX)
		return false;
	entry = getpwuid((uid_t)number);
	*ids = (struct confine_ids){(uid_t)number, entry ? entry->pw_gid : (gid_t)number};
	return true;
}

int confine_ids(enum role role, const struct confinement *confinement, struct confine_ids *ids,
		const char **fallback, struct error **error)
{
	const char *name = confinement->user;
	const struct passwd *entry;

	if (role != ROLE_SHIPPER && confinement->auditor_user)
		name = confinement->auditor_user;
	*fallback = NULL;
	if (name && take_number(name, ids))
		return 0;
	errno = 0;
	entry = getpwnam(name ? name : default_user);
	if (entry) {
		*ids = (struct confine_ids){entry->pw_uid, entry->pw_gid};
		return 0;
	}
	if (name) {
		error_set(error, errno, "there is no user '%s' to run as", name);
		return error_remedy(error, "make it, or name another by the setting 'user'");
	}
	*ids = (struct confine_ids){NOBODY, NOBODY};
	*fallback = "user: there is no user 'proctor', so it runs as 65534, as others may: make that user";
	return 0;
}
