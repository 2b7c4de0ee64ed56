#include "agent/remedy/facts.h"

#include <string.h>

#include "agent/remedy/target.h"
#include "proctor/cleanup.h"

enum {
	PATHS_MAX = 32, /* of what a container has written: more would be no help */
	NAME_MAX_BYTES = 128,
	DEFAULT_ID = 10001,
};

/* ---- paths -------------------------------------------------------------------------------------- */

static bool is_printable(const char *text)
{
	char escaped[4096];
	size_t length = strlen(text);

	return length > 0 && text_escape(escaped, sizeof(escaped), text, length) == length &&
	       length < sizeof(escaped) && !memcmp(escaped, text, length);
}

bool is_plain(const char *text)
{
	return is_printable(text) && !strpbrk(text, "\"'`$\\:,");
}

bool path_list_has(const struct path_list *list, const char *path)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->paths[i], path))
			return true;
	return false;
}

int path_list_add(struct path_list *list, const char *path, struct arena *arena)
{
	const char **grown;

	if (!is_plain(path) || path_list_has(list, path))
		return 0;
	grown = arena_grow(arena, list->paths, list->count, &list->capacity, sizeof(*grown));
	if (!grown)
		return -1;
	list->paths = grown;
	grown[list->count++] = path;
	return 0;
}

/* The paths in one string, parted by commas. NULL when memory is exhausted. */
static const char *path_list_words(const struct path_list *list, struct arena *arena)
{
	_cleanup_free_ char *words = NULL;
	size_t size;
	FILE *file = open_memstream(&words, &size);

	if (!file)
		return NULL;
	for (size_t i = 0; i < list->count; i++)
		fprintf(file, "%s%s", i ? ", " : "", list->paths[i]);
	return fclose(file) ? NULL : arena_string(arena, words);
}

/* ---- who it is ---------------------------------------------------------------------------------- */

static const char *label_of(const struct container *container, const char *name)
{
	for (size_t i = 0; i < container->label_count; i++)
		if (!strcmp(container->labels[i].name, name))
			return container->labels[i].value;
	return NULL;
}

/* What the place where it is described calls the container: Compose makes `shop-web-1` of a service `web`. */
static const char *own_name(const struct plan *plan)
{
	const char *service = !strcmp(plan->target->name, "compose")
				      ? label_of(plan->container, "com.docker.compose.service")
				      : NULL;

	return service ? service : plan->container->name;
}

int facts_gather_name(struct plan *plan, struct arena *arena)
{
	const char *name = own_name(plan);
	char label[16];

	if (!name || !is_plain(name) || strlen(name) > NAME_MAX_BYTES)
		name = NULL;
	if (!name)
		name = container_label(&(struct container){.id = plan->container->id}, label, sizeof(label));
	plan->facts.name = arena_string(arena, is_plain(name) ? name : "NAME");
	return plan->facts.name ? 0 : -1;
}

/* True for what a registry's and a repository's name are made of (distribution, reference/regexp.go): nothing
 * that a shell or YAML takes for more than a word. */
static bool is_image_name(const char *name, size_t length)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/:[]-";

	return length && name[0] != '-' && strspn(name, letters) >= length;
}

static bool is_digest(const char *digest)
{
	static const char algorithm[] = "sha256:", hexadecimal[] = "0123456789abcdef";

	return !strncmp(digest, algorithm, strlen(algorithm)) && strlen(digest) == strlen(algorithm) + 64 &&
	       strspn(digest + strlen(algorithm), hexadecimal) == 64;
}

/* The image by its digest, without a tag; NULL: not known. */
static int gather_image(struct plan *plan, struct arena *arena)
{
	const char *image = plan->container->image, *digest = plan->container->image_digest;
	const char *slash = image ? strrchr(image, '/') : NULL;
	size_t length = image ? (size_t)((slash ? slash : image) - image) : 0;

	if (!image || !digest || !is_digest(digest))
		return 0;
	length += strcspn(image + length, ":@"); /* a colon before the last slash is a port's */
	if (!is_image_name(image, length))
		return 0;
	plan->facts.image = arena_printf(arena, "%.*s@%s", (int)length, image, digest);
	return plan->facts.image ? 0 : -1;
}

/* ---- its user ----------------------------------------------------------------------------------- */

/* Reads `UID` or `UID:GID`, neither of which is root's. */
static bool read_user(const char *text, uint32_t *uid, uint32_t *gid)
{
	const char *cursor = text, *end = text + strlen(text);
	uint64_t user, group;

	if (!text_read_number(&cursor, end, 10, &user))
		return false;
	group = user;
	if (cursor < end && (*cursor++ != ':' || !text_read_number(&cursor, end, 10, &group)))
		return false;
	if (cursor != end || !user || !group || user >= UINT32_MAX || group >= UINT32_MAX)
		return false;
	*uid = (uint32_t)user;
	*gid = (uint32_t)group;
	return true;
}

static int gather_user(struct plan *plan, struct arena *arena)
{
	struct plan_facts *facts = &plan->facts;
	const char *declared = plan->container->declared ? plan->container->declared->user : NULL;

	facts->uid = facts->gid = DEFAULT_ID;
	if (declared)
		read_user(declared, &facts->uid, &facts->gid);
	facts->user = arena_printf(arena, "%u:%u", facts->uid, facts->gid);
	return facts->user ? 0 : -1;
}

static int gather_user_now(struct plan *plan, struct arena *arena)
{
	const struct process *init = plan->container->init;
	const struct user_namespace *users = init ? init->user_namespace : NULL;
	struct plan_facts *facts = &plan->facts;

	if (!users || !(init->known & PROCESS_KNOWS_STATUS) ||
	    !user_namespace_inside(users->uids, users->uid_count, init->credentials.uid[ID_EFFECTIVE],
				   &facts->uid_now) ||
	    !user_namespace_inside(users->gids, users->gid_count, init->credentials.gid[ID_EFFECTIVE],
				   &facts->gid_now))
		return 0;
	facts->user_now = arena_printf(arena, "%u:%u", facts->uid_now, facts->gid_now);
	return facts->user_now ? 0 : -1;
}

/* ---- what it does ------------------------------------------------------------------------------- */

/* Directories of the image that nothing can be mounted over without ending the container. */
static bool is_needed_whole(const char *directory)
{
	static const char *const needed[] = {
		"/",     "/bin", "/boot", "/dev",     "/etc",      "/lib",     "/lib64",     "/proc",
		"/sbin", "/sys", "/usr",  "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", NULL};

	for (size_t i = 0; needed[i]; i++)
		if (!strcmp(needed[i], directory))
			return true;
	return false;
}

static bool lies_beneath(const struct path_list *list, const char *path)
{
	for (size_t i = 0; i < list->count; i++) {
		size_t length = strlen(list->paths[i]);
		if (!strncmp(list->paths[i], path, length) && (path[length] == '/' || !path[length]))
			return true;
	}
	return false;
}

static bool is_beneath(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	return !strncmp(path, directory, length) && path[length] == '/';
}

/* True when a program that the container runs lies there: a mount would hide it. */
static bool has_programs(const struct container *container, const char *directory)
{
	if (container->init && container->init->executable &&
	    is_beneath(container->init->executable, directory))
		return true;
	for (size_t i = 0; i < container->program_count; i++)
		if (is_beneath(container->programs[i].path, directory))
			return true;
	return false;
}

/* Adds a directory unless one above it is there, in place of those beneath it. */
static int add_writable(struct path_list *list, const char *directory, struct arena *arena)
{
	size_t kept = 0;

	if (lies_beneath(list, directory))
		return 0;
	for (size_t i = 0; i < list->count; i++)
		if (!is_beneath(list->paths[i], directory))
			list->paths[kept++] = list->paths[i];
	list->count = kept;
	return path_list_add(list, directory, arena);
}

/* The directory that was written, or that of a file, when it lies on the root's own mount. */
static int add_written(struct plan *plan, const char *path, struct arena *arena)
{
	const struct mount_namespace *mounts = plan->container->mount_namespace;
	const char *slash = strrchr(path, '/');
	struct plan_facts *facts = &plan->facts;
	char *directory;

	if (path[0] != '/' || (mounts && mounts->root && mount_of_path(mounts, path) != mounts->root))
		return 0;
	directory = arena_copy(arena, path, slash == path ? 1 : (size_t)(slash - path));
	if (!directory)
		return -1;
	if (is_plain(directory) && !is_needed_whole(directory) && !has_programs(plan->container, directory) &&
	    facts->writable.count < PATHS_MAX)
		return add_writable(&facts->writable, directory, arena);
	if (is_plain(path) && facts->refused.count < PATHS_MAX)
		return path_list_add(&facts->refused, path, arena);
	facts->refused_more++;
	return 0;
}

static int gather_written(struct plan *plan, struct arena *arena)
{
	const char *const *written = plan->container->written;

	if (!written)
		return path_list_add(&plan->facts.writable, "/tmp", arena);
	for (; *written; written++)
		if (add_written(plan, *written, arena))
			return -1;
	return 0;
}

/* What the container's processes show of their use of capabilities. */
struct use {
	bool any, unused, several_users, changed_root;
};

static struct use use_of(const struct plan *plan, const struct snapshot *snapshot, capability_set *held)
{
	const struct process *init = plan->container->init;
	struct use use = {.unused = true};

	for (size_t i = 0; i < snapshot->process_count; i++) {
		const struct process *process = &snapshot->processes[i];
		if (process->container != plan->container || process->kernel_thread || process->zombie ||
		    !(process->known & PROCESS_KNOWS_STATUS))
			continue;
		use.any = true;
		*held |= process->credentials.permitted | process->credentials.effective;
		use.unused &= (process->known & PROCESS_KNOWS_STAT) && !process->privilege_used;
		use.changed_root |= (process->known & PROCESS_KNOWS_ROOT) && process->root_changed;
		use.several_users |=
			init && process->credentials.uid[ID_EFFECTIVE] != init->credentials.uid[ID_EFFECTIVE];
	}
	return use;
}

static int gather_use(struct plan *plan, const struct snapshot *snapshot, struct arena *arena)
{
	struct use use = use_of(plan, snapshot, &plan->facts.held);
	unsigned last = snapshot->host.last_capability;
	char words[2048];

	capability_words(words, sizeof(words), plan->facts.held,
			 last ? capability_all(last) : ~(capability_set)0);
	plan->facts.held_words = use.any ? arena_string(arena, words) : "not known";
	plan->facts.use = arena_printf(
		arena, "%s%s%s",
		use.any && use.unused ? " None of its processes has used a privilege since it was started."
				      : "",
		use.several_users ? " It runs processes as several users: changing to them takes SETUID and "
				    "SETGID, signalling them KILL."
				  : "",
		use.changed_root ? " A process has changed its root, which takes SYS_CHROOT." : "");
	return plan->facts.use && plan->facts.held_words ? 0 : -1;
}

int facts_gather(struct plan *plan, const struct snapshot *snapshot, struct arena *arena)
{
	if (facts_gather_name(plan, arena) || gather_image(plan, arena) || gather_user(plan, arena) ||
	    gather_user_now(plan, arena) || gather_written(plan, arena))
		return -1;
	return gather_use(plan, snapshot, arena);
}

/* ---- tools -------------------------------------------------------------------------------------- */

uint32_t facts_tool_kind(const char *rule)
{
	static const struct {
		const char *rule;
		uint32_t kind;
	} kinds[] = {
		{"image.compiler", TOOL_COMPILER},    {"image.debugger", TOOL_DEBUGGER},
		{"image.network-tool", TOOL_NETWORK}, {"image.package-manager", TOOL_PACKAGE_MANAGER},
		{"image.shell", TOOL_SHELL},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].rule, rule))
			return kinds[i].kind;
	return 0;
}

static bool runs(const struct container *container, const char *path)
{
	if (container->init && container->init->executable && !strcmp(container->init->executable, path))
		return true;
	for (size_t i = 0; i < container->program_count; i++)
		if (container->programs[i].executable && !strcmp(container->programs[i].path, path))
			return true;
	return false;
}

static bool is_not_plain(const struct container *container, const char *path)
{
	(void)container;
	return !is_plain(path);
}

/* True when a path of one of its tools of that kind is so. */
static bool has_tool_path(const struct container *container, uint32_t kind,
			  bool (*is)(const struct container *container, const char *path))
{
	for (size_t i = 0; i < container->tool_count; i++) {
		const struct tool *tool = &container->tools[i];
		if (!(tool->kinds & kind))
			continue;
		if (is(container, tool->path))
			return true;
		for (size_t k = 0; k < tool->name_count; k++)
			if (is(container, tool->names[k]))
				return true;
	}
	return false;
}

bool facts_tool_in_use(const struct container *container, uint32_t kind)
{
	return has_tool_path(container, kind, runs);
}

size_t facts_tool_paths(const struct container *container, uint32_t kind)
{
	size_t count = 0;

	for (size_t i = 0; i < container->tool_count; i++)
		if (container->tools[i].kinds & kind)
			count += 1 + container->tools[i].name_count;
	return count;
}

bool facts_tools_are_plain(const struct container *container, uint32_t kind)
{
	return !has_tool_path(container, kind, is_not_plain);
}

/* ---- questions ---------------------------------------------------------------------------------- */

static const char *ask_capabilities(const struct plan *plan, struct arena *arena)
{
	return arena_printf(arena,
			    "Which capabilities does it need? Here it gets none. It has now: %s.%s A port "
			    "below 1024 takes NET_BIND_SERVICE; whether it binds one is not known here.%s",
			    plan->facts.held_words, plan->facts.use,
			    plan->target->fargate ? " Fargate adds SYS_PTRACE only." : "");
}

static const char *ask_cpu(const struct plan *plan)
{
	return target_is_ecs(plan->target)
		       ? "How much CPU time does it need? Its use is not known here: 256, a quarter of a "
			 "processor's share."
		       : "How much CPU time does it need? Its use is not known here: half a processor.";
}

static const char *ask_user(const struct plan *plan, struct arena *arena)
{
	return arena_printf(arena,
			    "Which user may it run as, and do the files that it writes belong to "
			    "that user? Here it is %s.",
			    plan->facts.user);
}

/* What fails on a read-only root; "" for nothing. NULL when memory is exhausted. */
static const char *refused_words(const struct plan_facts *facts, struct arena *arena)
{
	const char *words = path_list_words(&facts->refused, arena);

	if (!words || !facts->refused_more)
		return words;
	return arena_printf(arena, "%s%s%zu more that cannot be named here", words, *words ? " and " : "",
			    facts->refused_more);
}

static const char *ask_read_only(const struct plan *plan, struct arena *arena)
{
	const struct plan_facts *facts = &plan->facts;
	const char *writable = path_list_words(&facts->writable, arena);
	const char *refused = refused_words(facts, arena);

	if (!plan->container->written)
		return "Which paths does it write? That is not known here: only /tmp stays writable.";
	if (!writable || !refused)
		return NULL;
	return arena_printf(arena,
			    "Does it write elsewhere, at other times? Since it was started it has written "
			    "%s%s%s%s.",
			    *writable || *refused ? "in " : "nothing", writable,
			    *refused ? *writable ? "; and, where nothing can be mounted, so that it fails: "
						 : "places where nothing can be mounted, so that it fails: "
				     : "",
			    refused);
}

static const char *ask_mounts(const struct plan *plan, struct arena *arena)
{
	const char *paths = path_list_words(&plan->facts.mounts, arena);

	return paths ? arena_printf(arena,
				    "Does it need what is mounted at %s? Here that is taken away; data "
				    "of its own belongs in a volume, files of the host that it only "
				    "reads in a read-only mount of the least that will do.",
				    paths)
		     : NULL;
}

int facts_question(const struct plan *plan, enum change_kind kind, struct arena *arena, const char **question)
{
	static const char *const constant[CHANGE_COUNT] = {
		[CHANGE_PID_NAMESPACE] = "Does it need to see the processes of others? Those of its own "
					 "task or pod can be shared without the host's.",
		[CHANGE_NETWORK_NAMESPACE] =
			"Which ports does it serve, and does it need what listens on the "
			"host's loopback address?",
		[CHANGE_DEVICES] = "Does it need one of the devices? Here all are taken away.",
		[CHANGE_MEMORY] = "How much memory does it need? Its use is not known here: 512 MiB.",
		[CHANGE_PIDS] =
			"How many processes and threads does it need? Its use is not known here: 200.",
		[CHANGE_TOOLS] = "Does a script of the image need one of these? Here they are removed.",
	};
	const char *asked = constant[kind] ? constant[kind] : "";

	if (kind == CHANGE_CAPABILITIES)
		asked = ask_capabilities(plan, arena);
	else if (kind == CHANGE_CPU)
		asked = ask_cpu(plan);
	else if (kind == CHANGE_USER)
		asked = ask_user(plan, arena);
	else if (kind == CHANGE_READ_ONLY_ROOT)
		asked = ask_read_only(plan, arena);
	else if (kind == CHANGE_MOUNTS)
		asked = ask_mounts(plan, arena);
	*question = asked && *asked ? asked : NULL;
	return asked ? 0 : -1;
}
