/* Snapshots made by hand, for tests of rules and formats: what is added is faultless until a test says
 * otherwise. */
#ifndef TESTS_UNIT_BUILD_H
#define TESTS_UNIT_BUILD_H

#include "proctor/finding.h"

struct build {
	struct snapshot *snapshot;
	struct policy policy;
	struct findings *findings; /* of the last build_judge */
	struct user_namespace *host_users;
	size_t capacity; /* of processes, containers and files */
};

/* The initial namespaces' inode numbers, as the kernel has them from 6.18 on. */
uint64_t build_initial(enum namespace_kind kind);

/* A machine without processes: seen from the host, 41 capabilities, cgroup v2, AppArmor. Room for `capacity`
 * of each thing. */
struct build *build_new(size_t capacity);
/* Takes AppArmor away, before processes are added. */
void build_without_lsm(struct build *build);
void build_free(struct build *build);

/* A container: read-only root, procfs masked, limits set. Add them in the order of their names, which are
 * their ids too. */
struct container *build_container(struct build *build, const char *name);

/* Adds a mount to a container. `root` is its path in the file system. */
struct mount *build_mount(struct build *build, struct container *container, const char *type,
			  const char *root, const char *point);

/* A process, in ascending order of pids. In a container (whose first one becomes its init): uid 1000, no
 * capabilities, no_new_privs, seccomp filter, AppArmor profile, namespaces of its own but user and time. Of
 * the host (NULL): root with every capability. */
struct process *build_process(struct build *build, pid_t pid, struct container *container,
			      const char *executable);

/* Makes it root with the given capabilities, all of which its bounding set has too. */
void build_root(struct process *process, capability_set held);

/* A user namespace of its own, in which id 0 is `outside`. */
void build_user_namespace(struct build *build, struct process *process, uint32_t outside);

/* A thread like its leader, to be changed. One for each process. */
struct thread *build_thread(struct build *build, struct process *process, pid_t tid);

/* A regular file, mode 0755, of root, reachable. */
struct file *build_file(struct build *build, struct container *container, const char *path);

void build_sysctl(struct build *build, const char *name, const char *value);

/* Judges; the findings are freed with the build or by the next call. */
const struct findings *build_judge(struct build *build);

/* The first finding of that rule, after build_judge; NULL when there is none. */
const struct finding *build_finding(const struct build *build, const char *rule);

/* Judges and tells the severity of the rule's worst finding; SEVERITY_NONE when it does not fire. */
enum severity build_severity(struct build *build, const char *rule);

/* The text of a finding's evidence; NULL when it has none of that name. */
const struct evidence *build_evidence(const struct finding *finding, const char *name);

/* For cmocka: a build of 64 things for each test, in *state. */
int build_setup(void **state);
int build_teardown(void **state);
#define BUILD_TEST(name) cmocka_unit_test_setup_teardown(name, build_setup, build_teardown)

#endif
