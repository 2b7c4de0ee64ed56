#include "collectors/identity/docker_root.h"

#include <errno.h>
#include <string.h>

#include "collectors/held.h"
#include "proctor/cleanup.h"

enum { ARGUMENTS_LIMIT = 64 * 1024 };

static const char default_root[] = "/var/lib/docker";
static const char default_configuration[] = "/etc/docker/daemon.json";

static bool is_known(const struct docker_roots *roots, const char *path)
{
	for (size_t i = 0; i < roots->count; i++)
		if (!strcmp(roots->paths[i], path))
			return true;
	return false;
}

/* What is relative is so to a directory of dockerd's, which is not known. */
static void add_root(struct identification *identification, struct docker_roots *roots, const char *path)
{
	if (!path || path[0] != '/' || is_known(roots, path))
		return;
	if (roots->count == DOCKER_ROOTS_MAX)
		identity_note(identification,
			      "there are more than 16 data roots of dockerd: the rest is not read", path,
			      NULL);
	else
		roots->paths[roots->count++] = path;
}

/* ---- told by configuration --------------------------------------------------------------------- */

static void add_configured(struct identification *identification, struct docker_roots *roots,
			   const char *path)
{
	if (path[0] != '/' || !identity_read_file(identification, identification->root, path))
		return;
	_cleanup_json_ json_t *configuration = identity_parse(identification, identification->buffer.data,
							      identification->buffer.length, path);
	add_root(identification, roots, identity_text(identification, configuration, "data-root"));
	add_root(identification, roots, identity_text(identification, configuration, "graph"));
}

/* ---- told by arguments ------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*add)(struct identification *identification, struct docker_roots *roots, const char *value);
} options[] = {
	{"--data-root", add_root},
	{"--graph", add_root},
	{"-g", add_root},
	{"--config-file", add_configured},
};

/* The value of `--name VALUE` or `--name=VALUE` among arguments that end in NUL each; NULL: it is not there.
 */
static const char *option_value(struct bytes arguments, const char *name)
{
	const char *end = bytes_end(arguments), *next;
	size_t length = strlen(name);

	for (const char *argument = arguments.data; argument < end; argument = next) {
		next = argument + strlen(argument) + 1;
		if (strncmp(argument, name, length) != 0)
			continue;
		if (argument[length] == '=')
			return argument + length + 1;
		if (!argument[length] && next < end)
			return next;
	}
	return NULL;
}

/* Root's on the host, by what the kernel tells of it: then its arguments are as good as configuration. */
static bool is_dockerd(const struct process *process)
{
	return process->comm && !strcmp(process->comm, "dockerd") && !process->container &&
	       process->credentials.uid[ID_REAL] == 0 && process->user_namespace &&
	       process->user_namespace->initial && !process->zombie;
}

/* A copy of its arguments; empty, and noted, when they cannot be read. */
static struct bytes read_arguments(struct identification *identification, const struct process *process)
{
	struct buffer *buffer = &identification->buffer;
	_cleanup_held_ struct held held;
	struct bytes arguments = {0};

	if (!held_begin(&held, identification->snapshot, identification->proc, process) &&
	    held_read(&held, "cmdline", ARGUMENTS_LIMIT, buffer) >= 0) {
		arguments = (struct bytes){
			arena_copy(identification->snapshot->arena, buffer->data, buffer->length),
			buffer->length};
		identification->failed |= !arguments.data;
	}
	if (arguments.data && held_is_same(&held))
		return arguments;
	identity_note(identification,
		      "where dockerd keeps its data is not known: its arguments cannot be read", NULL,
		      "run as root");
	return (struct bytes){0};
}

static void add_by_arguments(struct identification *identification, struct docker_roots *roots,
			     const struct process *process)
{
	struct bytes arguments = process->command_line.length ? process->command_line
							      : read_arguments(identification, process);

	for (size_t i = 0; arguments.length && i < sizeof(options) / sizeof(options[0]); i++) {
		const char *value = option_value(arguments, options[i].name);
		if (value)
			options[i].add(identification, roots, value);
	}
}

/* ---- within ------------------------------------------------------------------------------------ */

/* `UID.GID`: those that the root of its containers is outside. */
static bool is_of_users(const char *name)
{
	static const char digits[] = "0123456789";
	size_t uid = strspn(name, digits);
	size_t gid = name[uid] == '.' ? strspn(name + uid + 1, digits) : 0;

	return uid && gid && !name[uid + 1 + gid];
}

static void add_remapped(struct identification *identification, struct docker_roots *roots, const char *root)
{
	struct names names = {.count = 0};

	identity_list(identification, root, is_of_users, &names);
	for (size_t i = 0; i < names.count; i++) {
		const char *path =
			arena_printf(identification->snapshot->arena, "%s/%s", root, names.list[i]);
		identification->failed |= !path;
		add_root(identification, roots, path);
	}
}

void docker_roots_find(struct identification *identification, struct docker_roots *roots)
{
	const struct snapshot *snapshot = identification->snapshot;
	size_t count;

	*roots = (struct docker_roots){.count = 0};
	add_root(identification, roots, default_root);
	add_configured(identification, roots, default_configuration);
	for (size_t i = 0; i < snapshot->process_count; i++)
		if (is_dockerd(&snapshot->processes[i]))
			add_by_arguments(identification, roots, &snapshot->processes[i]);
	count = roots->count;
	for (size_t i = 0; i < count; i++)
		add_remapped(identification, roots, roots->paths[i]);
}
