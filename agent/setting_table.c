#include "agent/setting_table.h"

#include <string.h>
#include <sys/un.h>

#include "agent/address.h"
#include "agent/units.h"

/* ---- values ------------------------------------------------------------------------------------- */

static void *member(const struct setting *setting, void *owner)
{
	return (char *)owner + setting->offset;
}

static int put_string(const struct setting *setting, struct arena *arena, const char *value, void *owner,
		      struct error **error)
{
	const char **text = member(setting, owner);

	*text = arena_string(arena, value);
	return *text ? 0 : error_set(error, 0, "out of memory");
}

/* Read and within its bounds. */
static int number_of(const struct setting *setting, const struct unit *units, const char *value,
		     uint64_t *number, struct error **error)
{
	if (units_parse(value, units, number, error))
		return -1;
	if (*number >= setting->least && *number <= setting->most)
		return 0;
	return error_set(error, 0, "'%s' is not within %llu and %llu", value,
			 (unsigned long long)setting->least, (unsigned long long)setting->most);
}

static int put_unsigned(const struct setting *setting, const struct unit *units, const char *value,
			void *owner, struct error **error)
{
	uint64_t number;

	if (number_of(setting, units, value, &number, error))
		return -1;
	*(unsigned *)member(setting, owner) = (unsigned)number;
	return 0;
}

static int put_seconds(const struct setting *setting, struct arena *arena, const char *value, void *owner,
		       struct error **error)
{
	(void)arena;
	return put_unsigned(setting, time_units, value, owner, error);
}

static int put_count(const struct setting *setting, struct arena *arena, const char *value, void *owner,
		     struct error **error)
{
	static const struct unit none[] = {{0}};

	(void)arena;
	return put_unsigned(setting, none, value, owner, error);
}

static int put_size(const struct setting *setting, struct arena *arena, const char *value, void *owner,
		    struct error **error)
{
	(void)arena;
	return number_of(setting, size_units, value, member(setting, owner), error);
}

static int put_age(const struct setting *setting, struct arena *arena, const char *value, void *owner,
		   struct error **error)
{
	(void)arena;
	return number_of(setting, time_units, value, member(setting, owner), error);
}

/* Which of the words it is; -1 and *error. */
static int choice_of(const struct setting *setting, const char *value, struct error **error)
{
	for (int i = 0; setting->words[i]; i++)
		if (!strcmp(setting->words[i], value))
			return i;
	return error_set(error, 0, "'%s' is not one of %s", value, setting->form);
}

static int put_choice(const struct setting *setting, struct arena *arena, const char *value, void *owner,
		      struct error **error)
{
	int choice = choice_of(setting, value, error);

	(void)arena;
	if (choice < 0)
		return -1;
	*(unsigned *)member(setting, owner) = (unsigned)choice;
	return 0;
}

static int put_flag(const struct setting *setting, struct arena *arena, const char *value, void *owner,
		    struct error **error)
{
	int choice = choice_of(setting, value, error);

	(void)arena;
	if (choice < 0)
		return -1;
	*(bool *)member(setting, owner) = choice != 0;
	return 0;
}

static int put_path(const struct setting *setting, struct arena *arena, const char *value, void *owner,
		    struct error **error)
{
	if (*value != '/')
		return error_set(error, 0, "'%s' is not an absolute path", value);
	return put_string(setting, arena, value, owner, error);
}

/* What is none may be the secret itself that the file is to hold. */
static int put_file(const struct setting *setting, struct arena *arena, const char *value, void *owner,
		    struct error **error)
{
	if (*value != '/')
		return error_set(error, 0, "%s is not an absolute path", setting->key);
	return put_string(setting, arena, value, owner, error);
}

static int put_state(const struct setting *setting, struct arena *arena, const char *value, void *owner,
		     struct error **error)
{
	*(const char **)member(setting, owner) = NULL;
	return !strcmp(value, "memory") ? 0 : put_path(setting, arena, value, owner, error);
}

/* An address of unix(7) has room for so much. */
static int put_socket(const struct setting *setting, struct arena *arena, const char *value, void *owner,
		      struct error **error)
{
	if (strlen(value) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return error_set(error, 0, "'%s' is too long for a socket", value);
	return put_path(setting, arena, value, owner, error);
}

static int put_socket_or_off(const struct setting *setting, struct arena *arena, const char *value,
			     void *owner, struct error **error)
{
	*(const char **)member(setting, owner) = NULL;
	return !strcmp(value, "off") ? 0 : put_socket(setting, arena, value, owner, error);
}

static int put_address_or_off(const struct setting *setting, struct arena *arena, const char *value,
			      void *owner, struct error **error)
{
	union address address;

	*(const char **)member(setting, owner) = NULL;
	if (!strcmp(value, "off"))
		return 0;
	return address_parse(value, &address, error) ? -1 : put_string(setting, arena, value, owner, error);
}

static int put_user(const struct setting *setting, struct arena *arena, const char *value, void *owner,
		    struct error **error)
{
	if (!*value || value[strcspn(value, ":/ \t\n")])
		return error_set(error, 0, "'%s' is no user's name or number", value);
	return put_string(setting, arena, value, owner, error);
}

static int put_severity(const struct setting *setting, struct arena *arena, const char *value, void *owner,
			struct error **error)
{
	enum severity severity = severity_parse(value);

	(void)arena;
	if (severity == SEVERITY_NONE || severity == SEVERITY_COUNT)
		return error_set(error, 0, "'%s' is not one of %s", value, setting->form);
	*(enum severity *)member(setting, owner) = severity;
	return 0;
}

static int put_url(const struct setting *setting, struct arena *arena, const char *value, void *owner,
		   struct error **error)
{
	struct sink_setting *sink = owner;

	if (strchr(value, '#'))
		return error_set(error, 0,
				 "only --to and PROCTOR_TO have keys behind a #: here they have lines");
	sink->kind = sink_kind_of(value, error);
	return sink->kind ? put_string(setting, arena, value, owner, error) : -1;
}

static int put_record(struct sink_setting *sink, const char *word, size_t length, bool *findings,
		      struct error **error)
{
	const struct {
		const char *name;
		bool *wanted;
	} kinds[] = {
		{"findings", findings},
		{"heartbeats", &sink->heartbeats},
		{"inventory", &sink->inventory},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strlen(kinds[i].name) == length && !memcmp(kinds[i].name, word, length)) {
			*kinds[i].wanted = true;
			return 0;
		}
	return error_set(error, 0, "no records are called '%.*s'", (int)length, word);
}

static int put_records(const struct setting *setting, struct arena *arena, const char *value, void *owner,
		       struct error **error)
{
	static const char between[] = ", \t";
	struct sink_setting *sink = owner;
	bool findings = false;

	(void)setting, (void)arena;
	sink->heartbeats = sink->inventory = false;
	for (value += strspn(value, between); *value; value += strspn(value, between)) {
		size_t length = strcspn(value, between);
		if (put_record(sink, value, length, &findings, error))
			return -1;
		value += length;
	}
	return findings ? 0 : error_set(error, 0, "findings are not among the records");
}

/* ---- the tables --------------------------------------------------------------------------------- */

static const char *const off_auto[] = {"off", "auto", NULL};
static const char *const off_auto_on[] = {
	[LEARN_OFF] = "off", [LEARN_AUTO] = "auto", [LEARN_ON] = "on", NULL};
static const char *const off_fanotify[] = {"off", "fanotify", NULL};
static const char *const no_yes[] = {"no", "yes", NULL};
static const char *const no_in_clear[] = {"no", "yes, in clear", NULL};
static const char *const sink_formats[] = {[SINK_LINES] = "lines", [SINK_ARRAY] = "array", NULL};
static const char *const compressions[] = {"off", "gzip", NULL};
static const char *const facilities[] = {
	"kern",   "user",     "mail",   "daemon", "auth",   "syslog", "lpr",   "news",   "uucp",
	"cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock", "local0", "local1",
	"local2", "local3",   "local4", "local5", "local6", "local7", NULL};
static const char *const log_formats[] = {[LOG_LOGFMT] = "logfmt", [LOG_JSON] = "json", NULL};
static const char *const log_levels[] = {
	[LOG_ERROR] = "error", [LOG_WARNING] = "warning", [LOG_INFO] = "info", [LOG_DEBUG] = "debug", NULL};

#define OPTION(name) .option = offsetof(struct settings_options, name)
#define MEMBER(name) .offset = offsetof(struct settings, name)
#define SINK_MEMBER(name) .offset = offsetof(struct sink_setting, name)

#define MINUTE 60ULL
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define MEBIBYTE (1ULL << 20)

const struct setting agent_settings[] = {
	{.key = "interval",
	 OPTION(interval),
	 MEMBER(interval),
	 .form = "TIME",
	 .otherwise = "5m",
	 .put = put_seconds,
	 .least = 10,
	 .most = DAY,
	 .help = "From one look at everything to the next, a tenth more or less: 10s to 1d"},
	{.key = "quick",
	 MEMBER(quick),
	 .form = "TIME",
	 .otherwise = "10s",
	 .put = put_seconds,
	 .least = 1,
	 .most = HOUR,
	 .help = "From one look at credentials to the next where the kernel tells of no new processes: 1s "
		 "to 1h"},
	{.key = "state",
	 OPTION(state),
	 MEMBER(state),
	 .form = "DIRECTORY|memory",
	 .otherwise = "/var/lib/proctor",
	 .put = put_state,
	 .help = "Where findings and the queue are kept. In memory they last as long as the agent"},
	{.key = "control",
	 MEMBER(control),
	 .form = "SOCKET",
	 .put = put_socket,
	 .help = "Where `proctor status`, `findings`, `dead-letters` and `health` reach the agent (default: "
		 "`control` in the state's directory; /dev/shm/proctor.control for one in memory, which a "
		 "container has even when its root is read-only)"},
	{.key = "user",
	 MEMBER(user),
	 .form = "USER",
	 .put = put_user,
	 .help = "Whom the agent's processes become when they are started as root: a name or a number "
		 "(default: proctor; 65534 where there is no such user)"},
	{.key = "auditor_user",
	 MEMBER(auditor_user),
	 .form = "USER",
	 .put = put_user,
	 .help = "Whom the auditor and the parent become (default: `user`)"},
	{.key = "process_events",
	 MEMBER(process_events),
	 .form = "auto|off",
	 .otherwise = "auto",
	 .put = put_flag,
	 .words = off_auto,
	 .help = "Whether the kernel is asked to tell of processes as they start and change"},
	{.key = "mount_events",
	 MEMBER(mount_events),
	 .form = "auto|off",
	 .otherwise = "auto",
	 .put = put_flag,
	 .words = off_auto,
	 .help = "Whether the kernel is asked to tell of mounts"},
	{.key = "cgroup_events",
	 MEMBER(cgroup_events),
	 .form = "auto|off",
	 .otherwise = "auto",
	 .put = put_flag,
	 .words = off_auto,
	 .help = "Whether the kernel is asked to tell of control groups, by which containers come and go"},
	{.key = "file_events",
	 MEMBER(file_events),
	 .form = "fanotify|off",
	 .otherwise = "off",
	 .put = put_flag,
	 .words = off_fanotify,
	 .help = "With `fanotify` a new setuid bit or file capability is told at once and not at the next "
		 "audit. It costs the auditor CAP_SYS_ADMIN, which is nearly root"},
	{.key = "learn",
	 MEMBER(learn),
	 .form = "auto|on|off",
	 .otherwise = "auto",
	 .put = put_choice,
	 .words = off_auto_on,
	 .help = "Whether it is learned which capabilities containers use, by BPF programs that are loaded "
		 "at "
		 "the start: `auto` where they may be (CAP_BPF, CAP_PERFMON and CAP_SYSLOG, of which none is "
		 "kept); with `on` the agent does not start without"},
	{.key = "learn_days",
	 MEMBER(learn_days),
	 .form = "COUNT",
	 .otherwise = "7",
	 .put = put_count,
	 .least = 0,
	 .most = 366,
	 .help = "For how many days containers of an image have to be watched before a capability that none "
		 "used is told as unused: 0 to 366"},
	{.key = "learn_starts",
	 MEMBER(learn_starts),
	 .form = "COUNT",
	 .otherwise = "2",
	 .put = put_count,
	 .least = 0,
	 .most = 1000,
	 .help = "How many of their starts have to be among them, for many programs use capabilities only "
		 "then: 0 to 1000"},
	{.key = "inventory",
	 MEMBER(inventory),
	 .form = "yes|no",
	 .otherwise = "no",
	 .put = put_flag,
	 .words = no_yes,
	 .help = "Whether all that was seen is recorded, at start and once a day"},
	{.key = "queue_bytes",
	 MEMBER(queue_bytes),
	 .form = "SIZE",
	 .otherwise = "64MiB",
	 .put = put_size,
	 .least = MEBIBYTE,
	 .most = MEBIBYTE << 20,
	 .help = "How much may wait for the slowest sink, 1MiB to 1TiB. What falls out is counted and told"},
	{.key = "queue_age",
	 MEMBER(queue_age),
	 .form = "TIME",
	 .otherwise = "7d",
	 .put = put_age,
	 .least = MINUTE,
	 .most = 366 * DAY,
	 .help = "How long a record may wait: 1m to 366d"},
	{.key = "resolve_after",
	 MEMBER(resolve_after),
	 .form = "TIME",
	 .otherwise = "60s",
	 .put = put_seconds,
	 .least = 0,
	 .most = DAY,
	 .help = "How long a finding has to be gone before it counts as resolved, so that a restart of its "
		 "container does not: 0 to 1d"},
	{.key = "flap_window",
	 MEMBER(flap_window),
	 .form = "TIME",
	 .otherwise = "1h",
	 .put = put_seconds,
	 .least = 0,
	 .most = 7 * DAY,
	 .help = "A finding that opens three times within it stays open for as long: 0 to 7d"},
	{.key = "stop_timeout",
	 MEMBER(stop_timeout),
	 .form = "TIME",
	 .otherwise = "25s",
	 .put = put_seconds,
	 .least = 1,
	 .most = 10 * MINUTE,
	 .help = "What SIGTERM leaves the sinks to send what waits, and a new agent an old one to end, 1s to "
		 "10m. "
		 "ECS kills after 30 seconds"},
	{.key = "metrics",
	 MEMBER(metrics),
	 .form = "ADDRESS:PORT|off",
	 .otherwise = "off",
	 .put = put_address_or_off,
	 .help = "Where Prometheus finds metrics, as 127.0.0.1:9469. Who reaches it reads them, in clear"},
	{.key = "docker_socket",
	 MEMBER(docker_socket),
	 .form = "SOCKET|off",
	 .otherwise = "off",
	 .put = put_socket_or_off,
	 .help = "Docker's API, to be asked for names and images. Whoever may ask it can become root of the "
		 "machine, so that the agent has this power as well"},
	{.key = "log_level",
	 MEMBER(log_level),
	 .form = "error|warning|info|debug",
	 .otherwise = "info",
	 .put = put_choice,
	 .words = log_levels,
	 .help = "What is logged on standard error"},
	{.key = "log_format",
	 MEMBER(log_format),
	 .form = "logfmt|json",
	 .otherwise = "logfmt",
	 .put = put_choice,
	 .words = log_formats,
	 .help = "How it is logged: key=value or JSON, one line each"},
	{0},
};

const struct setting sink_settings[] = {
	{.key = "url",
	 SINK_MEMBER(options.url),
	 .form = "URL",
	 .put = put_url,
	 .help = "Where records go. Required"},
	{.key = "min_severity",
	 SINK_MEMBER(minimum),
	 .form = "info|low|medium|high|critical",
	 .otherwise = "info",
	 .put = put_severity,
	 .help = "Findings below it are not sent"},
	{.key = "records",
	 .form = "RECORDS",
	 .otherwise = "findings, heartbeats, inventory",
	 .put = put_records,
	 .help = "Which are sent: findings, and heartbeats and inventory when they are named"},
	{.key = "batch",
	 SINK_MEMBER(batch),
	 .form = "COUNT",
	 .otherwise = "100",
	 .put = put_count,
	 .least = 1,
	 .most = 10000,
	 .help = "How many at once, at most: 1 to 10000"},
	{.key = "batch_bytes",
	 SINK_MEMBER(batch_bytes),
	 .form = "SIZE",
	 .otherwise = "1MiB",
	 .put = put_size,
	 .least = 1024,
	 .most = 16 * MEBIBYTE,
	 .help = "How much at once, at most, but for a record that is larger by itself: 1KiB to 16MiB"},
	{.key = "batch_age",
	 SINK_MEMBER(batch_age),
	 .form = "TIME",
	 .otherwise = "0s",
	 .put = put_seconds,
	 .least = 0,
	 .most = 10 * MINUTE,
	 .help = "How long records that do not fill a batch wait for more: up to 10m. 0s: they do not"},
	{.key = "max_queue_bytes",
	 SINK_MEMBER(max_queue_bytes),
	 .form = "SIZE",
	 .put = put_size,
	 .least = 64 << 10,
	 .most = MEBIBYTE << 20,
	 .help = "How much may wait for it, 64KiB to 1TiB, where that is less than `queue_bytes`. What falls "
		 "out is lost to this sink only"},
	{.key = "max_age",
	 SINK_MEMBER(max_age),
	 .form = "TIME",
	 .put = put_age,
	 .least = MINUTE,
	 .most = 366 * DAY,
	 .help = "How long a record may wait for it, 1m to 366d, where that is less than `queue_age`"},
	{.key = "timeout",
	 SINK_MEMBER(options.timeout),
	 .form = "TIME",
	 .otherwise = "30s",
	 .put = put_seconds,
	 .least = 1,
	 .most = 10 * MINUTE,
	 .of_some = true,
	 .help = "How long the receiver has for each exchange, connecting included: 1s to 10m"},
	{.key = "ca_file",
	 SINK_MEMBER(options.ca_file),
	 .form = "FILE",
	 .put = put_file,
	 .of_some = true,
	 .is_read = true,
	 .help = "The authorities (PEM) that may have signed the receiver's certificate, instead of those of "
		 "the system"},
	{.key = "certificate_file",
	 SINK_MEMBER(options.certificate_file),
	 .form = "FILE",
	 .put = put_file,
	 .of_some = true,
	 .is_read = true,
	 .help = "Our own certificate (PEM), for receivers that ask for one"},
	{.key = "key_file",
	 SINK_MEMBER(options.key_file),
	 .form = "FILE",
	 .put = put_file,
	 .of_some = true,
	 .is_read = true,
	 .help = "Its key (PEM)"},
	{.key = "insecure",
	 SINK_MEMBER(options.insecure),
	 .form = "no|\"yes, in clear\"",
	 .otherwise = "no",
	 .put = put_flag,
	 .words = no_in_clear,
	 .of_some = true,
	 .help = "Whether records go to other machines without TLS, to be read and changed on the way"},
	{.key = "format",
	 SINK_MEMBER(options.format),
	 .form = "lines|array",
	 .otherwise = "lines",
	 .put = put_choice,
	 .words = sink_formats,
	 .of_some = true,
	 .help = "Whether a request holds one record a line or an array of them"},
	{.key = "compress",
	 SINK_MEMBER(options.gzip),
	 .form = "off|gzip",
	 .otherwise = "off",
	 .put = put_flag,
	 .words = compressions,
	 .of_some = true,
	 .help = "How requests are compressed"},
	{.key = "headers",
	 SINK_MEMBER(options.headers),
	 .form = "NAME=VALUE,…",
	 .put = put_string,
	 .of_some = true,
	 .secret = true,
	 .help = "Headers of each request; in values `%2C` stands for a comma, and so on"},
	{.key = "token",
	 SINK_MEMBER(options.token),
	 .form = "TOKEN",
	 .put = put_string,
	 .of_some = true,
	 .secret = true,
	 .help = "Sent as `Authorization: Bearer TOKEN`"},
	{.key = "token_file",
	 SINK_MEMBER(options.token_file),
	 .form = "FILE",
	 .put = put_file,
	 .of_some = true,
	 .is_read = true,
	 .help = "The file that holds the token, read again when the receiver does not take it any more"},
	{.key = "tag",
	 SINK_MEMBER(options.tag),
	 .form = "TAG",
	 .put = put_string,
	 .of_some = true,
	 .help = "The tag of Fluent's records, by which they are routed"},
	{.key = "shared_key",
	 SINK_MEMBER(options.shared_key),
	 .form = "KEY",
	 .put = put_string,
	 .of_some = true,
	 .secret = true,
	 .help = "The key that both sides of the forward protocol prove to know"},
	{.key = "shared_key_file",
	 SINK_MEMBER(options.shared_key_file),
	 .form = "FILE",
	 .put = put_file,
	 .of_some = true,
	 .is_read = true,
	 .help = "The file that holds it"},
	{.key = "facility",
	 SINK_MEMBER(options.facility),
	 .form = "FACILITY",
	 .otherwise = "daemon",
	 .put = put_choice,
	 .words = facilities,
	 .of_some = true,
	 .help = "The facility of messages of syslog"},
	{.key = "window",
	 SINK_MEMBER(options.window),
	 .form = "COUNT",
	 .otherwise = "500",
	 .put = put_count,
	 .least = 1,
	 .most = 10000,
	 .of_some = true,
	 .help = "How many records are sent again when a connection breaks, 1 to 10000: syslog acknowledges "
		 "none"},
	{.key = "max_message",
	 SINK_MEMBER(options.max_message),
	 .form = "SIZE",
	 .otherwise = "8KiB",
	 .put = put_size,
	 .least = 4096,
	 .most = MEBIBYTE,
	 .of_some = true,
	 .help = "The longest message that the receiver takes whole: 4KiB to 1MiB. A longer record goes in "
		 "parts"},
	{0},
};

bool setting_is_of_kind(const struct setting *setting, const struct sink_kind *kind)
{
	if (!setting->of_some)
		return true;
	for (const char *const *key = kind->keys; key && *key; key++)
		if (!strcmp(*key, setting->key))
			return true;
	return false;
}

const char *setting_file(const struct setting *setting, const struct sink_setting *sink)
{
	return setting->is_read ? *(const char *const *)((const char *)sink + setting->offset) : NULL;
}

const struct setting *setting_find(const struct setting *table, const char *key)
{
	for (; table->key; table++)
		if (!strcmp(table->key, key))
			return table;
	return NULL;
}

const struct config_variable config_variables[] = {
	{"SEVERITY", "severity", NULL, "RULE=SEVERITY…", "Lines of [severity]"},
	{"RULES_OFF", "rules", "off", "RULE…", "Rules that are off"},
	{"PATHS_EXCLUDE", "paths", "exclude", "GLOB…", "Directories that are not walked"},
	{"IMAGES_CURATED", "images", "curated", "GLOB…", "Where images may come from"},
	{0},
};
