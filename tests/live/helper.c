/* A process made to order for the live tests: performs the steps named on its command line, one after
 * the other, then says `ready` on stdout and lives until its stdin ends.
 *
 *     helper STEP [ARGUMENT…] STEP …
 *
 * The stdin is a pipe held by the test: whatever becomes of the test, the process ends with it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what)
{
	fprintf(stderr, "helper: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void check(bool ok, const char *what)
{
	if (!ok)
		fail(what);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	if (!*text || *end) {
		fprintf(stderr, "helper: %s is not a number\n", text);
		_exit(1);
	}
	return value;
}

/* Writes `text` to a file of procfs. */
static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	close(fd);
}

/* Waits for the end of stdin, answering nothing else. */
static void wait_for_end(void)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) != 0)
		continue;
}

/* ---- steps: each gets its arguments -------------------------------------------------------------- */

/* caps EFFECTIVE PERMITTED INHERITABLE: of the calling thread only. */
static void step_caps(char **arguments)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	uint64_t sets[3];

	for (int i = 0; i < 3; i++)
		sets[i] = number(arguments[i]);
	for (int half = 0; half < 2; half++) {
		data[half].effective = (uint32_t)(sets[0] >> (32 * half));
		data[half].permitted = (uint32_t)(sets[1] >> (32 * half));
		data[half].inheritable = (uint32_t)(sets[2] >> (32 * half));
	}
	check(!syscall(SYS_capset, &header, data), "capset");
}

/* ambient MASK: raises each. */
static void step_ambient(char **arguments)
{
	uint64_t set = number(arguments[0]);

	for (unsigned long i = 0; i < 64; i++)
		if (set >> i & 1)
			check(!prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0), "PR_CAP_AMBIENT_RAISE");
}

/* bounding MASK: keeps only these. */
static void step_bounding(char **arguments)
{
	uint64_t set = number(arguments[0]);

	for (unsigned long i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		if (!(set >> i & 1))
			check(!prctl(PR_CAPBSET_DROP, i, 0, 0, 0), "PR_CAPBSET_DROP");
}

static void step_keep_caps(char **arguments)
{
	(void)arguments;
	check(!prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "PR_SET_KEEPCAPS");
}

/* uid REAL EFFECTIVE SAVED, gid …: of the calling thread only. */
static void step_uid(char **arguments)
{
	check(!syscall(SYS_setresuid, number(arguments[0]), number(arguments[1]), number(arguments[2])),
	      "setresuid");
}

static void step_gid(char **arguments)
{
	check(!syscall(SYS_setresgid, number(arguments[0]), number(arguments[1]), number(arguments[2])),
	      "setresgid");
}

static void step_no_new_privs(char **arguments)
{
	(void)arguments;
	check(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
}

/* seccomp COUNT: that many filters, each of which allows everything. */
static void step_seccomp(char **arguments)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {.len = 1, .filter = &allow};

	for (uint64_t left = number(arguments[0]); left; left--)
		check(!syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), "seccomp");
}

/* comm HEX: the bytes of the new name. */
static void step_comm(char **arguments)
{
	char name[16] = "", digits[3] = "";

	for (size_t i = 0; i < 15 && arguments[0][2 * i]; i++) {
		memcpy(digits, arguments[0] + 2 * i, 2);
		name[i] = (char)strtoul(digits, NULL, 16);
	}
	check(!prctl(PR_SET_NAME, name, 0, 0, 0), "PR_SET_NAME");
}

static void step_dumpable(char **arguments)
{
	check(!prctl(PR_SET_DUMPABLE, number(arguments[0]), 0, 0, 0), "PR_SET_DUMPABLE");
}

/* userns: a user namespace inside the present one, where the caller's id is 0. */
static void step_userns(char **arguments)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[32];

	(void)arguments;
	check(!prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "PR_SET_DUMPABLE"); /* else the files below are root's */
	check(!unshare(CLONE_NEWUSER), "unshare user namespace");
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	write_file("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	write_file("/proc/self/gid_map", map);
}

struct start {
	pthread_barrier_t barrier;
	char **caps; /* sets that the new thread takes; NULL: it keeps what it has */
};

static void *thread_main(void *context)
{
	struct start *start = context;

	if (start->caps)
		step_caps(start->caps);
	pthread_barrier_wait(&start->barrier);
	for (;;)
		pause();
	return NULL;
}

static void thread_start(char **caps)
{
	struct start start = {.caps = caps};
	pthread_t thread;

	pthread_barrier_init(&start.barrier, NULL, 2);
	check(!pthread_create(&thread, NULL, thread_main, &start), "pthread_create");
	pthread_barrier_wait(&start.barrier);
	pthread_barrier_destroy(&start.barrier);
}

/* thread: one more, with what the caller has now. */
static void step_thread(char **arguments)
{
	(void)arguments;
	thread_start(NULL);
}

/* thread-caps EFFECTIVE PERMITTED INHERITABLE: one more, with these sets. */
static void step_thread_caps(char **arguments)
{
	thread_start(arguments);
}

static void *guard_main(void *unused)
{
	wait_for_end();
	_exit(0);
	return unused;
}

/* leader-exit: the first thread ends, another keeps the process. */
static void step_leader_exit(char **arguments)
{
	pthread_t thread;

	(void)arguments;
	check(!pthread_create(&thread, NULL, guard_main, NULL), "pthread_create");
	check(write(STDOUT_FILENO, "ready\n", 6) == 6, "write");
	pthread_exit(NULL);
}

static void child_main(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(0);
	for (;;)
		pause();
}

/* fork COUNT: sleeping children, which end with the caller. */
static void step_fork(char **arguments)
{
	pid_t self = getpid();

	for (uint64_t left = number(arguments[0]); left; left--) {
		pid_t child = fork();
		check(child >= 0, "fork");
		if (child == 0)
			child_main(self);
	}
}

/* zombie: a child that has ended and is not waited for. */
static void step_zombie(char **arguments)
{
	siginfo_t info;
	pid_t child = fork();

	(void)arguments;
	check(child >= 0, "fork");
	if (child == 0)
		_exit(0);
	check(!waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), "waitid");
}

static bool stdin_ended(void)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&in, 1, 0) != 0;
}

/* churn COUNT: forks children that exit at once, `COUNT` alive at a time at most, until stdin ends; says on
 * stdout how many there were. */
static void step_churn(char **arguments)
{
	uint64_t alive = 0, most = number(arguments[0]), total = 0;

	check(write(STDOUT_FILENO, "ready\n", 6) == 6, "write");
	while (!stdin_ended()) {
		pid_t child = fork();
		check(child >= 0, "fork");
		if (child == 0)
			_exit(0);
		total++;
		if (++alive >= most && wait(NULL) > 0)
			alive--;
	}
	while (wait(NULL) > 0)
		continue;
	printf("%llu\n", (unsigned long long)total);
	exit(0);
}

/* burst COUNT: children that exit at once, one after the other. */
static void step_burst(char **arguments)
{
	for (uint64_t left = number(arguments[0]); left; left--) {
		pid_t child = fork();
		check(child >= 0, "fork");
		if (child == 0)
			_exit(0);
		check(waitpid(child, NULL, 0) == child, "waitpid");
	}
}

/* exec-churn first: becomes itself again and again until stdin ends; `ready` the first time only. */
static void step_exec_churn(char **arguments)
{
	if (strcmp(arguments[0], "-") != 0)
		check(write(STDOUT_FILENO, "ready\n", 6) == 6, "write");
	if (stdin_ended())
		exit(0);
	execl("/proc/self/exe", "helper", "exec-churn", "-", (char *)NULL);
	fail("exec");
}

/* execs RATE: starts a program that ends at once, RATE times a second, until stdin ends; says on stdout how
 * many there were. */
static void step_execs(char **arguments)
{
	const long second = 1000000000, pause = second / (long)number(arguments[0]);
	char name[] = "true", *words[] = {name, NULL};
	unsigned long total = 0;
	struct timespec next;

	check(write(STDOUT_FILENO, "ready\n", 6) == 6, "write");
	check(!clock_gettime(CLOCK_MONOTONIC, &next), "clock_gettime");
	for (; !stdin_ended(); total++) {
		pid_t child;
		check(!posix_spawnp(&child, name, NULL, NULL, words, environ), name);
		check(waitpid(child, NULL, 0) == child, "waitpid");
		next.tv_nsec += pause;
		next.tv_sec += next.tv_nsec / second;
		next.tv_nsec %= second;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	printf("%lu\n", total);
	exit(0);
}

/* memfd: goes on as a copy of itself that lies in memory only, without further steps. */
static void step_memfd(char **arguments)
{
	char name[] = "helper", *again[] = {name, NULL}, *no_environment[] = {NULL};
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = memfd_create("helper", MFD_CLOEXEC);
	char buffer[65536];
	ssize_t got;

	(void)arguments;
	check(from >= 0 && to >= 0, "memfd_create");
	while ((got = read(from, buffer, sizeof(buffer))) > 0)
		check(write(to, buffer, (size_t)got) == got, "write");
	fexecve(to, again, no_environment);
	fail("fexecve");
}

/* Fields 26 to 51 of /proc/self/stat are what PR_SET_MM_MAP wants back. */
static void read_memory_map(struct prctl_mm_map *map)
{
	unsigned long long field[52] = {0};
	char text[4096], *at;
	FILE *stat = fopen("/proc/self/stat", "re");

	check(stat && fgets(text, sizeof(text), stat), "/proc/self/stat");
	fclose(stat);
	at = strrchr(text, ')') + 4;
	for (int i = 4; i < 52; i++)
		field[i] = strtoull(at, &at, 10);
	*map = (struct prctl_mm_map){
		.start_code = field[26],
		.end_code = field[27],
		.start_stack = field[28],
		.start_data = field[45],
		.end_data = field[46],
		.start_brk = field[47],
		.brk = (uint64_t)(uintptr_t)sbrk(0),
		.arg_start = field[48],
		.arg_end = field[48],
		.env_start = field[50],
		.env_end = field[50],
		.exe_fd = (uint32_t)-1,
	};
}

/* no-cmdline: /proc/PID/cmdline becomes empty. */
static void step_no_cmdline(char **arguments)
{
	struct prctl_mm_map map;

	(void)arguments;
	read_memory_map(&map);
	check(!prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0), "PR_SET_MM_MAP");
}

/* seccomp-strict: only read, write and exit from here on; hence the last step. */
static void step_seccomp_strict(char **arguments)
{
	(void)arguments;
	check(write(STDOUT_FILENO, "ready\n", 6) == 6, "write");
	check(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0), "PR_SET_SECCOMP");
	wait_for_end();
	syscall(SYS_exit, 0);
}

/* skip TEXT: nothing; a way to lengthen the command line. */
static void step_skip(char **arguments)
{
	(void)arguments;
}

static const struct step {
	const char *name;
	int arguments;
	void (*run)(char **arguments);
} steps[] = {
	{"ambient", 1, step_ambient},
	{"bounding", 1, step_bounding},
	{"burst", 1, step_burst},
	{"caps", 3, step_caps},
	{"churn", 1, step_churn},
	{"comm", 1, step_comm},
	{"dumpable", 1, step_dumpable},
	{"exec-churn", 1, step_exec_churn},
	{"execs", 1, step_execs},
	{"fork", 1, step_fork},
	{"gid", 3, step_gid},
	{"keep-caps", 0, step_keep_caps},
	{"leader-exit", 0, step_leader_exit},
	{"memfd", 0, step_memfd},
	{"no-cmdline", 0, step_no_cmdline},
	{"no-new-privs", 0, step_no_new_privs},
	{"seccomp", 1, step_seccomp},
	{"seccomp-strict", 0, step_seccomp_strict},
	{"skip", 1, step_skip},
	{"thread", 0, step_thread},
	{"thread-caps", 3, step_thread_caps},
	{"uid", 3, step_uid},
	{"userns", 0, step_userns},
	{"zombie", 0, step_zombie},
};

static const struct step *step_find(const char *name)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (!strcmp(steps[i].name, name))
			return &steps[i];
	return NULL;
}

int main(int argc, char **argv)
{
	for (int at = 1; at < argc;) {
		const struct step *step = step_find(argv[at]);
		if (!step || at + step->arguments >= argc) {
			fprintf(stderr, "helper: %s: no such step, or its arguments are missing\n", argv[at]);
			return 1;
		}
		step->run(argv + at + 1);
		at += 1 + step->arguments;
	}
	check(write(STDOUT_FILENO, "ready\n", 6) == 6, "write");
	wait_for_end();
	return 0;
}
