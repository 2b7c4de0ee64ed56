/* Collectors read facts and judge nothing.
 *
 * A collector is one file in collectors/ and one line in collectors[]. They run in the order of that table;
 * each may use what those before it put into the snapshot. */
#ifndef PROCTOR_COLLECTOR_H
#define PROCTOR_COLLECTOR_H

#include <stdatomic.h>

#include "proctor/error.h"
#include "proctor/snapshot.h"

/* Bits of request.facts beyond what every process has (status). A file or link of /proc/PID is read only
 * when its bit is set. */
enum request_fact {
	REQUEST_STAT = 1 << 0,
	REQUEST_CGROUP = 1 << 1,
	REQUEST_EXECUTABLE = 1 << 2,
	REQUEST_COMMAND_LINE = 1 << 3,
	REQUEST_LSM = 1 << 4,
	REQUEST_THREADS = 1 << 5,
	REQUEST_ROOT = 1 << 6,
	REQUEST_USER_MAPS = 1 << 7,
	REQUEST_NAMESPACE = 1 << 8, /* this bit shifted left by enum namespace_kind, for each */
	REQUEST_MACHINE = 1 << 16,  /* host: LSMs, sysctls, memory, boot time: half a millisecond that only an
				       audit wants */
	REQUEST_MOUNT_ID = 1 << 17, /* with the mount namespace; where the kernel tells it */
};

#define REQUEST_NAMESPACES_ALL (((1 << NAMESPACE_COUNT) - 1) * REQUEST_NAMESPACE)

/* What rules ask of processes and of the machine. */
#define REQUEST_AUDIT                                                                                        \
	(REQUEST_STAT | REQUEST_CGROUP | REQUEST_EXECUTABLE | REQUEST_LSM | REQUEST_THREADS | REQUEST_ROOT | \
	 REQUEST_USER_MAPS | REQUEST_MACHINE | REQUEST_NAMESPACES_ALL)

enum {
	SILENT_MAX = 8,   /* behind which no process is read that may be silent */
	SILENT_ROOM = 16, /* for those as well that are met at the same time */
};

/* Below that many, loading the programs takes longer than reading the files of each process. */
enum { BPF_FROM = 256 };

struct watch;

/* Processes whose files in /proc do not answer, and perhaps never do. In each a thread waits, so that there
 * can only be so many; it is forgotten with the thread, when its process answers or ends. Starts zeroed, ends
 * with silent_free. */
struct silent {
	struct silent_process {
		pid_t pid;
		uint64_t entry;      /* inode number of its directory in /proc */
		uint32_t facts;      /* enum request_fact: what could be read before that */
		const char *file;    /* a constant: which one it was */
		struct watch *watch; /* of the thread */
		bool untold;         /* in coverage */
	} processes[SILENT_ROOM];
	_Atomic size_t count;
};

/* Lets go of the threads. They end with the program, or when they are answered. */
void silent_free(struct silent *silent);

struct collector;
struct fetch;
struct file_memory;

struct request {
	const char *proc;  /* where procfs is mounted; "/proc" */
	uint32_t facts;    /* enum request_fact */
	const pid_t *pids; /* only these processes; NULL: all */
	size_t pid_count;
	size_t bpf_from;  /* how many processes make it worth while to ask the kernel for all of them in one
			     read, where BPF is to be had (BPF_FROM); 0: none */
	unsigned workers; /* threads to read with, at most 4; 0: by the number of processors */

	const char *const *paths; /* filesystem: roots to walk; NULL: every distinct root of the snapshot */
	size_t path_count;
	const char *const *excluded_paths; /* filesystem: globs of directories that are not walked */
	size_t excluded_count;
	bool cross_file_systems; /* filesystem: also into network, FUSE and other not local ones */
	const char *container;   /* only this container (id, a prefix of it of 12 or more, or name) and its
				    files; NULL: all */

	const char
		*docker_socket; /* identity: of Docker's API; NULL: /var/run/docker.sock where it is there */
	const char *task_metadata; /* identity: URI of our own container in ECS task metadata; NULL: not in a
				      task */
	/* identity: fetches in the place of fetch_all() (collectors/fetch.h), by each one's number; NULL:
	 * itself. Which may be asked is the fetcher's business then: Docker's socket is one of them only when
	 * docker_socket is given. */
	void (*fetch)(void *context, struct fetch *fetches, size_t count);
	void *fetch_context;

	/* filesystem: whether layers of overlays are to be remembered for the next time, in
	 * snapshot->layers_to_remember; what was remembered the last time, which outlives the snapshot; and
	 * why that is not to be believed (NULL: it may be). */
	bool remember_layers;
	struct bytes remembered_layers;
	const char *remembered_refusal;
	/* filesystem: what was found in the roots of containers whose layers cannot be read one by one, kept
	 * by the process between its passes; NULL: they are walked each time. */
	struct file_memory *file_memory;

	/* What has not changed is taken over from the snapshot before, by copies: the new one holds no
	 * pointer into it. It was collected by the same collectors with the same request but for what
	 * follows. NULL: all is read. A quick pass (`previous`, and `walk_again` not set) reads those
	 * processes that are new, that an event told of since (`changed`, ascending) or of which something
	 * was missing, and all mount tables. Who containers are, their limits, routes, devices, files and
	 * programs are asked for, read and walked only for containers that are new or changed, or where
	 * something was missing. A full pass (`walk_again`) reads all anew; what it takes over is the
	 * identity of containers of which their sources tell no more.
	 */
	const struct snapshot *previous;
	const pid_t *changed;
	size_t changed_count;
	bool walk_again;

	/* host: the bounding set that the auditor was started with, where it gave up a part of it; 0: the one
	 * it has. */
	capability_set granted;

	/* Those that are known to be silent, to which those are added that are found to be: the caller's, who
	 * keeps them from one snapshot to the next in the same process. NULL: they are found anew each time.
	 * Collectors have them in snapshot->silent. */
	struct silent *silent;

	/* Called now and then from any thread, one at a time, with what was done so far; NULL: no one asks.
	 */
	void (*progress)(void *context, const char *collector, uint64_t done);
	void *progress_context;

	/* Called when a collector is done, with all that is known by then; NULL: no one asks. */
	void (*collected)(void *context, const struct snapshot *snapshot, const struct collector *collector);
	void *collected_context;

	/* filesystem: called for each file found, one at a time, before it is sorted; NULL: no one asks. */
	void (*found)(void *context, const struct file *file);
	void *found_context;
};

struct collector {
	const char *name;
	const char *description; /* what it reads, for --help and the manual */
	bool required;           /* the others need what it reads: it cannot be switched off */
	/* Adds facts to the snapshot and tells in `coverage` what it saw and what not. Returns -1 only when
	 * nothing at all can be said (no /proc, no memory): a fact that cannot be read is coverage. */
	int (*collect)(struct snapshot *snapshot, const struct request *request, struct coverage *coverage,
		       struct error **error);
};

/* Every collector, in the order they run: host process container identity mount limit network filesystem
 * program. Ends with NULL. */
extern const struct collector *const collectors[];

extern const struct collector collector_host, collector_process, collector_container, collector_identity,
	collector_mount, collector_limit, collector_network, collector_filesystem, collector_program;

/* A memory for request.file_memory, of nothing yet; NULL: no memory. Freed by file_memory_free. */
struct file_memory *file_memory_new(void);
void file_memory_free(struct file_memory *memory);

/* Runs the collectors of `enabled` (ended by NULL, in the order of collectors[]) into a new snapshot,
 * owned by the caller. NULL and *error when one of them fails. */
struct snapshot *snapshot_collect(const struct collector *const *enabled, const struct request *request,
				  struct error **error);

#endif
