/* What runtimes keep of running containers beneath directories that only the host's root may write to: the
 * bundles of containerd (and so of Docker), podman, CRI-O and crun, and runc's state. */
#include <fcntl.h>
#include <string.h>

#include "collectors/held.h"
#include "collectors/identity/identity.h"
#include "collectors/identity/runc_state.h"
#include "proctor/cleanup.h"

/* containerd keeps a directory for each namespace of its own there, and in it one for each container. */
static const char tasks[] = "run/containerd/io.containerd.runtime.v2.task";

static const struct place {
	const char *before, *behind; /* of the container's id in the path */
	const char *runtime;         /* NULL: not told by it */
	void (*read)(struct identification *identification, json_t *document, struct claim *claim);
} places[] = {
	{"run/containers/storage/overlay-containers", "userdata/config.json", NULL, spec_read},
	{"var/lib/containers/storage/overlay-containers", "userdata/config.json", NULL, spec_read},
	{"run/crun", "config.json", NULL, spec_read},
	{"run/runc", "state.json", NULL, runc_state_read},
};

/* Docker has a namespace of its own in containerd. */
static const char *runtime_of(const char *namespace)
{
	return !strcmp(namespace, "moby") ? "docker" : "containerd";
}

/* A path in the arena; NULL, and the collector fails, without memory. */
static const char *path_of(struct identification *identification, const char *before, const char *id,
			   const char *behind)
{
	const char *path = arena_printf(identification->snapshot->arena, "%s/%s/%s", before, id, behind);

	identification->failed |= !path;
	return path;
}

static bool is_name(const char *id)
{
	return *id && *id != '.' && !strchr(id, '/');
}

/* Claims what a document of the container tells, which is the file `path` in `directory`. False: there is no
 * such document. */
static bool claim_file(struct identification *identification, const struct container *container,
		       int directory, const char *path, const struct place *place)
{
	struct claim claim = {.runtime = place->runtime, .runtime_name = NULL};

	if (!identity_read_file(identification, directory, path))
		return false;
	_cleanup_json_ json_t *document = identity_parse(identification, identification->buffer.data,
							 identification->buffer.length, path);
	if (!document)
		return false;
	place->read(identification, document, &claim);
	identity_claim(identification, container, &claim);
	return true;
}

/* ---- by the shim ------------------------------------------------------------------------------- */

/* The shim of a container, when its parent is root's on the host and goes by that name. */
static const struct process *shim_of(const struct snapshot *snapshot, const struct container *container)
{
	const struct process *shim =
		container->init ? snapshot_process(snapshot, container->init->ppid) : NULL;

	if (!shim || shim->container || !shim->comm || shim->credentials.uid[ID_REAL] != 0 ||
	    strncmp(shim->comm, "containerd-shim", strlen("containerd-shim")) != 0)
		return NULL;
	return shim->user_namespace && shim->user_namespace->initial ? shim : NULL;
}

/* The last but one component of the shim's working directory: containerd's namespace. NULL: there is none. */
static char *namespace_in(char *path)
{
	char *last = strrchr(path, '/'), *start;

	if (!last)
		return NULL;
	*last = '\0';
	start = strrchr(path, '/');
	return start ? start + 1 : NULL;
}

/* A shim works in the bundle of its first container, beside which lie those of the others of its pod. */
static bool claim_by_shim(struct identification *identification, const struct container *container)
{
	const struct process *shim = shim_of(identification->snapshot, container);
	_cleanup_held_ struct held held = {.directory = -1};
	bool holds = shim && !held_begin(&held, identification->snapshot, identification->proc, shim);
	_cleanup_close_ int bundle = holds ? held_open(&held, "cwd", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	_cleanup_close_ int all = bundle < 0 ? -1 : openat(bundle, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct place place = {.read = spec_read};
	const char *namespace, *path;

	if (all < 0 || held_readlink(&held, "cwd", &identification->buffer))
		return false;
	namespace = namespace_in(identification->buffer.data);
	if (namespace)
		place.runtime = runtime_of(namespace);
	if (!held_is_same(&held))
		return false;
	path = path_of(identification, ".", container->id, "config.json");
	return path && claim_file(identification, container, all, path, &place);
}

/* ---- by the places that are known -------------------------------------------------------------- */

static bool claim_in_namespace(struct identification *identification, const struct container *container,
			       const char *namespace)
{
	struct place place = {.runtime = runtime_of(namespace), .read = spec_read};
	const char *directory = path_of(identification, tasks, namespace, "");
	const char *path =
		directory ? path_of(identification, directory, container->id, "config.json") : NULL;

	return path && claim_file(identification, container, identification->root, path, &place);
}

static bool claim_in_place(struct identification *identification, const struct container *container,
			   const struct place *place)
{
	const char *path = path_of(identification, place->before, container->id, place->behind);

	return path && claim_file(identification, container, identification->root, path, place);
}

static void find_bundle(struct identification *identification, const struct names *namespaces,
			const struct container *container)
{
	if (!is_name(container->id) || claim_by_shim(identification, container))
		return;
	for (size_t i = 0; i < namespaces->count; i++)
		if (claim_in_namespace(identification, container, namespaces->list[i]))
			return;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (claim_in_place(identification, container, &places[i]))
			return;
}

static void read_source(struct identification *identification)
{
	const struct snapshot *snapshot = identification->snapshot;
	struct names namespaces = {.count = 0};

	if (identification->root < 0)
		return;
	identity_list(identification, tasks, is_name, &namespaces);
	for (size_t i = 0; i < snapshot->container_count; i++)
		find_bundle(identification, &namespaces, snapshot->containers[i]);
}

const struct source source_bundle = {
	.name = "bundle",
	.what = "the runtime's state",
	.remedy = "see that the runtime is well",
	.read = read_source,
};
