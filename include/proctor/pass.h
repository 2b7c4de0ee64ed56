/* A pass: what one look of the agent at the machine found, and how far it saw.
 *
 * The auditor makes it of a snapshot and its findings and sends it to the shipper, whose store compares it
 * with what was known. All of it is text and numbers: it holds no pointer into the snapshot. */
#ifndef PROCTOR_PASS_H
#define PROCTOR_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "proctor/finding.h"

/* Facts of one container, or of the host, that a pass saw whole. Without one of them a finding that needs it
 * and is not in the pass may still be there: loss of sight is not resolution. */
enum sight {
	SIGHT_PROCESSES = 1 << 0, /* every process of it, with all facts that rules ask for */
	SIGHT_MOUNTS = 1 << 1,
	SIGHT_LIMITS = 1 << 2,
	SIGHT_FILES = 1 << 3, /* its whole root was walked */
	SIGHT_PROGRAMS = 1 << 4,
	SIGHT_IDENTITY = 1 << 5, /* those who run it told who it is, or nobody is there to tell */
	SIGHT_HOST = 1 << 6,     /* sysctls and settings of the machine; of the host only */
};

/* Of the host: the sysctl of that number (struct sysctl), for some only root may read. */
#define SIGHT_SYSCTL(number) ((uint64_t)SIGHT_HOST << (1 + (number)))

/* Of a container: what it asks the kernel for was watched since its start, or for so long that what it was
 * refused before is over. */
#define SIGHT_LEARNED (UINT64_C(1) << 63)

struct seen {
	const char *container; /* its id; NULL: the host */
	uint64_t sight;        /* enum sight */
};

/* One finding as this pass has it. */
struct observed {
	char id[FINDING_ID_SIZE];
	const char *rule;
	enum severity severity;
	bool excepted;  /* by the configuration: it is `suppressed` */
	uint64_t needs; /* enum sight: what has to be seen for its absence to mean that it is gone */
	/* Of all that a reader is to be told of when it changes; not of pids, counts and incidental facts. */
	uint64_t digest;
	const char *const *containers;             /* ids of those that show it, all in `seen` */
	size_t container_count;                    /* 0: the host */
	const char *container_name, *image, *task; /* of the worst; NULL: not known, or the host */
	/* The finding as in an audit's document; NULL: as it was sent before in this channel, with that
	 * digest. */
	const char *json;
	size_t json_length;
};

struct pass {
	struct timespec time; /* CLOCK_REALTIME when it began */
	bool full;            /* everything was read anew; else what events told of, the rest as it was */
	bool all_containers;  /* every process of the machine was listed: a container not in `seen` is gone */
	bool truncated; /* there are more findings than are told, the least bad left out: none of those that
			   are not here is resolved by it */
	const struct seen *seen;
	size_t seen_count;
	const struct observed *observed;
	size_t observed_count;
	/* For heartbeats, status and metrics, as JSON: {"host":{…header's
	 * host…},"seen":{processes,containers, mounts,files},"coverage":[…as in the
	 * document…],"duration_ms":N}. */
	const char *summary;
	size_t summary_length;
};

#endif
