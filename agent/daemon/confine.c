#include "agent/daemon/confine.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/daemon/confine_parts.h"
#include "proctor/cleanup.h"
#include "proctor/text.h"

const char *const role_names[] = {"parent", "auditor", "shipper"};

void confine_miss(json_t *missing, const char *format, ...)
{
	char text[512] = "", safe[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	text_escape(safe, sizeof(safe), text, strlen(text));
	json_array_append_new(missing, json_string(safe));
}

/* ---- whom and what to keep
 * --------------------------------------------------------------------------------- */

static bool may_change_ids(capability_set held)
{
	const capability_set needed = CAPABILITY_MASK(CAP_SETUID) | CAPABILITY_MASK(CAP_SETGID);

	return (held & needed) == needed;
}

/* Whom to become; *become false: who it is already. */
static int choose_ids(enum role role, const struct confinement *confinement, capability_set held,
		      struct confine_ids *ids, bool *become, json_t *missing, struct error **error)
{
	const char *fallback;

	*become = may_change_ids(held);
	if (!*become) {
		if (geteuid() == 0)
			confine_miss(missing, "user: stays root without CAP_SETUID and CAP_SETGID");
		return 0;
	}
	if (confine_ids(role, confinement, ids, &fallback, error))
		return -1;
	if (fallback)
		confine_miss(missing, "%s", fallback);
	return 0;
}

/* Whether the parent has to start the shipper as another user than itself. */
static int compare_users(const struct confinement *confinement, const struct confine_ids *own, bool *two,
			 struct error **error)
{
	struct confine_ids shipper;
	const char *fallback;

	if (confine_ids(ROLE_SHIPPER, confinement, &shipper, &fallback, error))
		return -1;
	*two = shipper.uid != own->uid || shipper.gid != own->gid;
	return 0;
}

static int give_up_privilege(enum role role, const struct confinement *confinement, capability_set held,
			     json_t *missing, struct error **error)
{
	struct confine_ids ids;
	capability_set wanted;
	bool become, two_users = false;

	if (choose_ids(role, confinement, held, &ids, &become, missing, error) ||
	    (become && role == ROLE_PARENT && compare_users(confinement, &ids, &two_users, error)))
		return -1;
	wanted = confine_wanted(role, confinement, two_users, held);
	return confine_privilege(become ? &ids : NULL, held, wanted, confine_effective(role, wanted), missing,
				 error);
}

/* ---- limits
 * --------------------------------------------------------------------------------------------------- */

static bool is_file(int fd)
{
	struct stat facts;

	return !fstat(fd, &facts) && S_ISREG(facts.st_mode);
}

/* No core, which would hold what was read; and the auditor lets no file grow, but where its log is one. */
static void limit(enum role role, json_t *missing)
{
	const struct rlimit none = {0};

	if (setrlimit(RLIMIT_CORE, &none))
		confine_miss(missing, "limits: cores stay as they were: %s", strerror(errno));
	if (role == ROLE_AUDITOR && !is_file(STDERR_FILENO) && setrlimit(RLIMIT_FSIZE, &none))
		confine_miss(missing, "limits: files may grow: %s", strerror(errno));
}

/* Out of reach of others of the same user, where the auditor sees it even so (/proc/PID then is root's); a
 * sidecar with less would not see its own parent. */
static void hide(capability_set held)
{
	const capability_set needed = CAPABILITY_MASK(CAP_SYS_PTRACE) | CAPABILITY_MASK(CAP_DAC_READ_SEARCH);

	if ((held & needed) == needed)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* ---- what is in force
 * -------------------------------------------------------------------------------------------- */

static json_t *capability_list(void)
{
	capability_set held = confine_permitted();
	json_t *list = json_array();
	char name[CAPABILITY_NAME_SIZE];

	for (unsigned i = 0; i < 64; i++)
		if (held & CAPABILITY_MASK(i))
			json_array_append_new(list, json_string(capability_constant(i, name)));
	return list;
}

static json_t *report_make(const char *user, bool filtered, int landlock, json_t *missing)
{
	return json_pack("{s:s*, s:i, s:i, s:o, s:b, s:b, s:i, s:O}", "user", user, "uid", (int)geteuid(),
			 "gid", (int)getegid(), "capabilities", capability_list(), "no_new_privs",
			 prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "seccomp", filtered, "landlock",
			 landlock, "missing", missing);
}

static bool filter(enum role role, const struct confinement *confinement, json_t *missing)
{
	int number;

	if (confinement->no_filter) {
		confine_miss(missing, "seccomp: switched off by the settings");
		return false;
	}
	number = confine_filter(role, confinement, missing);
	if (number)
		confine_miss(missing, "seccomp: %s", strerror(number));
	return !number;
}

int confine(enum role role, const struct confinement *confinement, json_t **report, struct error **error)
{
	_cleanup_json_ json_t *missing = json_array();
	_cleanup_free_ char *user = NULL;
	capability_set held = confine_permitted();
	const struct passwd *entry;
	int landlock = 0;
	bool filtered;

	if (give_up_privilege(role, confinement, held, missing, error))
		return error_context(error, "confining the %s", role_names[role]);
	limit(role, missing);
	hide(held);
	entry = getpwuid(geteuid());
	user = entry ? strdup(entry->pw_name) : NULL;
	if (role == ROLE_SHIPPER)
		landlock = confine_landlock(confinement, missing);
	filtered = filter(role, confinement, missing);
	*report = report_make(user, filtered, landlock, missing);
	if (!*report)
		return error_set(error, 0, "confining the %s: out of memory", role_names[role]);
	return 0;
}

bool confine_was_filtered(int wait_status)
{
	return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGSYS;
}
