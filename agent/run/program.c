#include "agent/run/program.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proctor/cleanup.h"

enum {
	GRACE = 50,  /* pauses between SIGTERM and SIGKILL */
	PAUSE = 100, /* milliseconds */
	CHILDREN_MAX = 4096,
	NOT_WITH_THESE = 1 << 16, /* told for an errno: its file capabilities are more than it may have */
};

static void shut(int *descriptor)
{
	cleanup_close(descriptor);
	*descriptor = -1;
}

int program_adopt(struct error **error)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	if (!prctl(PR_SET_CHILD_SUBREAPER, 1UL))
		return 0;
	return error_set(error, errno, "taking over what a program leaves behind");
}

/* ---- starting: in the child ---------------------------------------------------------------------- */

/* Bounding, permitted and effective are the set; inheritable and ambient are empty: so are those of a program
 * that root executes (capabilities(7)). */
static int limit(capability_set set)
{
	capng_clear(CAPNG_SELECT_BOTH);
	for (unsigned i = 0; i <= CAP_LAST_CAP; i++)
		if (set & CAPABILITY_MASK(i) &&
		    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET, i))
			return -1;
	prctl(PR_CAP_AMBIENT, (unsigned long)PR_CAP_AMBIENT_CLEAR_ALL, 0UL, 0UL, 0UL);
	return capng_apply(CAPNG_SELECT_BOTH) ? -1 : 0;
}

static int redirect(bool silent)
{
	int none;

	if (!silent)
		return dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ? -1 : 0;
	none = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (none < 0 || dup2(none, STDIN_FILENO) < 0 || dup2(none, STDOUT_FILENO) < 0 ||
	    dup2(none, STDERR_FILENO) < 0)
		return -1;
	return 0;
}

static void restore_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
}

/* Tells `tell` of errno where it fails; else that closes as the program is executed. With mounts of its own
 * it says 0 first and waits until `go` is closed, for them to be held. */
_Noreturn static void execute(const struct program_start *start, int tell, int go)
{
	int number = 0;
	char byte;

	if (prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL) || redirect(start->silent) ||
	    (start->on_own_mounts && unshare(CLONE_NEWNS)))
		number = errno;
	if (!number && start->on_own_mounts && write(tell, &number, sizeof(number)) == sizeof(number))
		while (read(go, &byte, 1) < 0 && errno == EINTR)
			continue;
	if (!number && start->set && limit(*start->set))
		number = errno ? errno : EPERM;
	if (!number) {
		restore_signals();
		execvp(start->argv[0], start->argv);
		number = start->set && errno == EPERM ? NOT_WITH_THESE : errno;
	}
	if (write(tell, &number, sizeof(number)) != sizeof(number))
		_exit(126);
	_exit(127);
}

/* ---- starting: in the parent --------------------------------------------------------------------- */

/* What the child told: 0, or an errno. -1: it told nothing, for it is executed. */
static int hear(int from)
{
	int number;
	ssize_t length;

	do
		length = read(from, &number, sizeof(number));
	while (length < 0 && errno == EINTR);
	return length == sizeof(number) ? number : -1;
}

static int hold_mounts(struct launched *program)
{
	char path[64];
	struct stat facts;

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)program->pid);
	program->mounts = open(path, O_RDONLY | O_CLOEXEC);
	if (program->mounts < 0 || fstat(program->mounts, &facts))
		return -1;
	program->inode = facts.st_ino;
	return 0;
}

static int refuse(struct launched *program, const struct program_start *start, int number,
		  struct error **error)
{
	program_end(program);
	error_set(error, number, "running %s", start->argv[0]);
	if (number == EPERM)
		error_remedy(error, "it takes root with CAP_SYS_ADMIN and CAP_SETPCAP");
	return -1;
}

static int await_execution(struct launched *program, const struct program_start *start, int tell, int *go,
			   struct error **error)
{
	int number = -1;

	if (start->on_own_mounts) {
		number = hear(tell);
		if (!number && hold_mounts(program))
			number = errno;
		if (number)
			return refuse(program, start, number < 0 ? ECHILD : number, error);
		if (start->on_own_mounts(start->context, error)) {
			program_end(program);
			return -1;
		}
	}
	shut(go);
	number = hear(tell);
	if (number != NOT_WITH_THESE)
		return number < 0 ? 0 : refuse(program, start, number, error);
	program_end(program);
	return 1;
}

int program_start(struct launched *program, const struct program_start *start, struct error **error)
{
	int tell[2] = {-1, -1}, go[2] = {-1, -1}, result = -1;

	*program = (struct launched){.mounts = -1};
	if (pipe2(tell, O_CLOEXEC) || pipe2(go, O_CLOEXEC) || (program->pid = fork()) < 0) {
		error_set(error, errno, "starting %s", start->argv[0]);
	} else if (!program->pid) {
		close(go[1]);
		execute(start, tell[1], go[0]);
	} else {
		shut(&tell[1]);
		result = await_execution(program, start, tell[0], &go[1], error);
	}
	shut(&tell[0]);
	shut(&tell[1]);
	shut(&go[0]);
	shut(&go[1]);
	return result;
}

/* ---- ending -------------------------------------------------------------------------------------- */

bool program_runs(struct launched *program)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != program->pid)
			continue;
		program->ended = true;
		program->status = status;
	}
	return !pid;
}

bool program_has_ended(struct launched *program)
{
	if (!program->ended)
		program->ended = waitpid(program->pid, &program->status, WNOHANG) == program->pid;
	return program->ended;
}

/* What this process has for children, the program's orphans among them. */
static void signal_children(int number)
{
	_cleanup_fclose_ FILE *list = fopen("/proc/thread-self/children", "re");
	int pid;

	for (size_t i = 0; list && i < CHILDREN_MAX && fscanf(list, "%d", &pid) == 1; i++)
		kill(pid, number);
}

void program_end(struct launched *program)
{
	const struct timespec pause = {.tv_nsec = PAUSE * 1000000L};

	for (int i = 0; program_runs(program); i++) {
		signal_children(i < GRACE ? SIGTERM : SIGKILL);
		nanosleep(&pause, NULL);
	}
	shut(&program->mounts);
}
