/* Watching by BPF: who asks the kernel for which capability, counted in the kernel, read now and then. */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "collectors/usage/asker.h"
#include "collectors/usage/kernel_symbols.h"
#include "collectors/usage/usage_form.h"
#include "collectors/usage/usage_programs.h"
#include "proctor/cleanup.h"
#include "proctor/clock.h"

enum {
	CHECKS_A_GIBIBYTE = 4096, /* of memory, of some 250 bytes each: a thousandth of it */
	CHECKS_LEAST = 8192,
	CHECKS_MOST = 131072,
	TAKEN_AT_ONCE = 1024, /* by one system call; a bucket of the map has fewer */
};

struct usage_watch {
	struct bpf_library library;
	struct usage_programs *programs;
	struct usage_maps maps;
	struct kernel_symbols symbols;
	const char *evidence;
	int64_t since;    /* milliseconds since 1970 */
	unsigned room;    /* for checks that are counted together */
	uint64_t entries; /* that were made before the last were taken */
};

/* ---- beginning ---------------------------------------------------------------------------------- */

static struct usage_room room_of(const struct usage_room *asked)
{
	struct sysinfo machine = {0};
	struct usage_room room = {0};
	uint64_t checks;

	if (asked)
		room = *asked;
	sysinfo(&machine);
	checks = ((uint64_t)machine.totalram * machine.mem_unit >> 30) * CHECKS_A_GIBIBYTE;
	checks = checks < CHECKS_LEAST ? CHECKS_LEAST : checks > CHECKS_MOST ? CHECKS_MOST : checks;
	room.checks = room.checks ? room.checks : (unsigned)checks;
	room.executables = room.executables ? room.executables : room.checks / 8;
	return room;
}

static int say_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level, (void)format, (void)arguments;
	return 0;
}

static const char *const ways[WAY_COUNT] = {
	[WAY_FEXIT] = "fexit", [WAY_TRACEPOINT] = "tracepoint", [WAY_KPROBE] = "kprobe"};

static bool may_watch(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
	uint64_t effective;

	if (syscall(SYS_capget, &header, data))
		return true; /* the kernel will tell */
	effective = (uint64_t)data[1].effective << 32 | data[0].effective;
	return effective >> CAP_SYS_ADMIN & 1 || (effective >> CAP_BPF & 1 && effective >> CAP_PERFMON & 1);
}

/* What is missing, by what the kernel said of each way (errno). */
static int no_way(const int numbers[WAY_COUNT], struct error **error)
{
	if (!may_watch()) {
		error_set(error, EPERM, "watching capabilities by BPF");
		return error_remedy(error, "run it as root, or give it CAP_BPF, CAP_PERFMON and CAP_SYSLOG");
	}
	if (access("/sys/kernel/btf/vmlinux", F_OK)) {
		error_set(error, errno, "watching capabilities by BPF: /sys/kernel/btf/vmlinux");
		return error_remedy(error,
				    "it needs a kernel that tells of its types (CONFIG_DEBUG_INFO_BTF)");
	}
	error_set(error, 0, "watching capabilities by BPF: fexit: %s; tracepoint: %s; kprobe: %s",
		  strerrordesc_np(numbers[WAY_FEXIT]), strerrordesc_np(numbers[WAY_TRACEPOINT]),
		  strerrordesc_np(numbers[WAY_KPROBE]));
	return error_remedy(error, "it needs one of them: Linux 6.14 has the tracepoint; one that is locked "
				   "down (/sys/kernel/security/lockdown) may refuse all");
}

static int attach(struct usage_watch *watch, const struct usage_room *room, struct error **error)
{
	int numbers[WAY_COUNT];

	for (int way = 0; way < WAY_COUNT; way++) {
		watch->programs = usage_programs_start(&watch->library, (enum usage_way)way, room);
		if (watch->programs) {
			watch->evidence = ways[way];
			watch->maps = usage_programs_maps(&watch->library, watch->programs);
			watch->since = clock_ms_of(CLOCK_REALTIME);
			return 0;
		}
		numbers[way] = errno;
	}
	return no_way(numbers, error);
}

static int read_symbols(struct usage_watch *watch, struct error **error)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/kallsyms", "re");
	_cleanup_free_ const char **names = NULL;
	size_t count = 0;

	if (!file)
		return error_set(error, errno, "opening /proc/kallsyms");
	while (askers[count].function)
		count++;
	names = calloc(count + 1, sizeof(*names));
	if (!names)
		return error_set(error, ENOMEM, "reading /proc/kallsyms");
	for (size_t i = 0; i < count; i++)
		names[i] = askers[i].function;
	return kernel_symbols_read(&watch->symbols, file, names, error);
}

struct usage_watch *usage_watch_start(const struct usage_room *asked, struct error **error)
{
	const struct usage_room room = room_of(asked);
	struct usage_watch *watch = calloc(1, sizeof(*watch));

	if (!watch) {
		error_set(error, ENOMEM, "watching capabilities");
		return NULL;
	}
	watch->room = room.checks;
	if (bpf_library_load(&watch->library)) {
		error_set(error, 0, "watching capabilities: libbpf.so.1 is not installed");
		error_remedy(error, "install libbpf1 (Debian, Ubuntu) or libbpf (Fedora, Amazon Linux)");
	} else {
		watch->library.set_print(say_nothing);
		if (!read_symbols(watch, error) && !attach(watch, &room, error))
			return watch;
	}
	usage_watch_stop(watch);
	return NULL;
}

void usage_watch_stop(struct usage_watch *watch)
{
	if (!watch)
		return;
	if (watch->programs)
		usage_programs_stop(&watch->library, watch->programs);
	kernel_symbols_free(&watch->symbols);
	free(watch);
}

const char *usage_watch_evidence(const struct usage_watch *watch)
{
	return watch->evidence;
}

int64_t usage_watch_since(const struct usage_watch *watch)
{
	return watch->since;
}

void usage_watch_leave(struct usage_watch *watch)
{
	if (!watch)
		return;
	usage_programs_leave(&watch->library, watch->programs);
	kernel_symbols_free(&watch->symbols);
	free(watch);
}

/* ---- one check ---------------------------------------------------------------------------------- */

static bool has_stack(const struct usage_watch *watch, const struct usage_key *key)
{
	return !watch->symbols.hidden && key->stack[0];
}

static const struct asker *find_asker(const struct usage_watch *watch, const struct usage_key *key)
{
	int numbers[USAGE_FRAMES];
	size_t count = 0;

	while (has_stack(watch, key) && count < USAGE_FRAMES && key->stack[count]) {
		numbers[count] = kernel_symbols_find(&watch->symbols, key->stack[count]);
		count++;
	}
	return asker_find(numbers, count, key->capability);
}

static void judge_asker(const struct usage_watch *watch, const struct usage_key *key,
			struct usage_check *check)
{
	const struct asker *asker = find_asker(watch, key);

	check->asking = has_stack(watch, key) ? ASKING_NEED : ASKING_UNKNOWN;
	if (asker) {
		check->asking = asker->asking;
		check->reason = asker->reason;
	}
	if (key->state & USAGE_NEEDLESS) {
		check->asking = ASKING_OPTIONAL;
		check->reason = "the id is one that the process has already";
	}
	if (key->state & USAGE_ADVISORY && !asker) {
		check->asking = ASKING_ADVISORY;
		check->reason = "the kernel only looks whether it is there";
	}
	if (key->state & USAGE_BORROWED) {
		check->asking = ASKING_KERNEL;
		check->reason = "asked with the kernel's own credentials";
	}
	if (key->state & USAGE_OUTSIDE) {
		check->asking = ASKING_RUNTIME;
		check->reason = "asked by a program from outside the container";
	}
}

/* The path, from the names that the kernel gave from its end on. */
static const char *path_of(struct arena *arena, const struct usage_names *names)
{
	char path[USAGE_NAMES * USAGE_NAME_SIZE + 8];
	size_t length = 0;

	if (!names->count || names->count > USAGE_NAMES)
		return names->comm[0] ? arena_copy(arena, names->comm, strnlen(names->comm, USAGE_COMM_SIZE))
				      : NULL;
	if (names->count == USAGE_NAMES)
		length += (size_t)snprintf(path, sizeof(path), "…");
	for (uint32_t i = names->count; i-- > 0;)
		length += (size_t)snprintf(path + length, sizeof(path) - length, "/%.*s", USAGE_NAME_SIZE - 1,
					   names->names[i]);
	return arena_copy(arena, path, length);
}

static const char *executable_of(const struct usage_watch *watch, const struct usage_key *key,
				 struct arena *arena)
{
	const struct usage_file file = {.inode = key->inode, .device = key->device};
	struct usage_names names;

	if (!key->inode || watch->library.map_lookup_elem(watch->maps.executables, &file, &names))
		return NULL;
	return path_of(arena, &names);
}

static int add_check(const struct usage_watch *watch, const struct usage_key *key,
		     const struct usage_value *value, struct usage *usage, size_t *capacity)
{
	struct usage_check *grown =
		arena_grow(usage->arena, usage->checks, usage->count, capacity, sizeof(*grown));
	int64_t boot = clock_ms_of(CLOCK_REALTIME) - clock_ms_of(CLOCK_BOOTTIME);
	struct usage_check *check;

	if (!grown)
		return -1;
	usage->checks = grown;
	check = &grown[usage->count++];
	*check = (struct usage_check){
		.mount_namespace = key->mount_namespace,
		.mount_id = key->mount_id,
		.user_namespace = key->user_namespace,
		.cgroup = key->cgroup,
		.executable = executable_of(watch, key, usage->arena),
		.capability = key->capability,
		.denied = key->state & USAGE_DENIED,
		.count = value->count,
		.first = boot + (int64_t)(value->first / 1000000),
		.last = boot + (int64_t)(value->last / 1000000),
	};
	judge_asker(watch, key, check);
	return 0;
}

/* ---- all of them -------------------------------------------------------------------------------- */

static int take_checks(const struct usage_watch *watch, struct usage *usage)
{
	struct usage_key *keys = arena_array(usage->arena, TAKEN_AT_ONCE, sizeof(*keys));
	struct usage_value *values = arena_array(usage->arena, TAKEN_AT_ONCE, sizeof(*values));
	uint32_t before, after, *from = NULL, count;
	size_t capacity = 0;
	int result;

	do {
		count = TAKEN_AT_ONCE;
		result = keys && values ? watch->library.map_lookup_and_delete_batch(watch->maps.checks, from,
										     &after, keys, values,
										     &count, NULL)
					: -ENOMEM;
		if (result && result != -ENOENT)
			return -1;
		for (uint32_t i = 0; i < count; i++)
			if (add_check(watch, &keys[i], &values[i], usage, &capacity))
				return -1;
		before = after;
		from = &before;
	} while (!result);
	return 0;
}

static int read_counter(const struct usage_watch *watch, uint32_t counter, uint64_t *number)
{
	int processors = watch->library.num_possible_cpus();
	_cleanup_free_ uint64_t *numbers =
		calloc((size_t)(processors > 0 ? processors : 1), sizeof(*numbers));

	if (!numbers || processors < 1 ||
	    watch->library.map_lookup_elem(watch->maps.counters, &counter, numbers))
		return -1;
	*number = 0;
	for (int i = 0; i < processors; i++)
		*number += numbers[i];
	return 0;
}

static int read_lost(const struct usage_watch *watch, uint64_t *lost)
{
	if (read_counter(watch, USAGE_LOST, lost))
		return -1;
	*lost += usage_programs_misses(&watch->library, watch->programs);
	return 0;
}

struct usage *usage_watch_take(struct usage_watch *watch, struct error **error)
{
	struct arena *arena = arena_new();
	struct usage *usage = arena ? arena_alloc(arena, sizeof(*usage)) : NULL;

	if (usage) {
		*usage = (struct usage){.arena = arena,
					.nameless = watch->symbols.hidden,
					.evidence = watch->evidence,
					.since = watch->since};
		if (!read_counter(watch, USAGE_ENTRIES, &watch->entries) && !take_checks(watch, usage) &&
		    !read_lost(watch, &usage->lost))
			return usage;
	}
	error_set(error, usage ? errno : ENOMEM, "reading what capabilities were asked for");
	arena_free(arena);
	return NULL;
}

bool usage_watch_is_filling(const struct usage_watch *watch)
{
	uint64_t entries;

	return !read_counter(watch, USAGE_ENTRIES, &entries) && entries - watch->entries > watch->room / 2;
}

int usage_watch_refusals(struct usage_watch *watch, uint64_t *count, struct error **error)
{
	if (!read_counter(watch, USAGE_REFUSALS, count))
		return 0;
	return error_set(error, errno, "reading what capabilities were refused");
}

void usage_free(struct usage *usage)
{
	if (usage)
		arena_free(usage->arena);
}
