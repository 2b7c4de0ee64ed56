/* What was learned of the capabilities that containers need: plain data in one arena. */
#ifndef PROCTOR_LEARNED_H
#define PROCTOR_LEARNED_H

#include "proctor/capability.h"
#include "proctor/usage.h"

/* Mount namespaces, each for as long as it was seen: the kernel gives their inode numbers away again. */
struct mounts_seen {
	struct mounts_span {
		uint64_t inode;
		uint64_t id;         /* given to no other one; 0: not known */
		int64_t from, until; /* milliseconds since 1970: the looks before and after */
		int64_t last;        /* the last look that showed it; 0: its end was told */
	} * list;
	size_t count, capacity;
};

/* A container that ran while its checks were counted. */
struct watched {
	const char *id, *name, *image; /* as in struct container; the last two NULL: not known */
	const char *image_digest;      /* of its manifest, else its configuration; NULL: not known */
	const char *family;            /* of its task; NULL: none, or not known */
	uint64_t user_namespace;       /* inode number: of its first process; 0: not known */
	struct mounts_seen mounts;     /* of all its processes */
	capability_set granted;        /* bounding set of its first process */
	int64_t since;                 /* milliseconds since 1970: from when on it was watched */
	bool saw_start;                /* its first process started after that */
};

/* What containers are known under together; none is NULL, and they live as long as what they are of. */
struct watched_key {
	const char *image; /* its digest, else what is known of it: its reference, the container's name or its
			      id */
	const char *family; /* of their task; empty: none */
	const char *name;   /* in the task; empty elsewhere: it may be one that a runtime made up for this
			       container */
};
struct watched_key watched_key_of(const struct watched *watched);

/* A capability that was asked for and granted. Times are milliseconds since 1970. */
struct learned_use {
	unsigned capability;
	uint64_t count;
	int64_t first, last;
	const char *const *executables; /* that asked, ended by NULL */
	bool required;                  /* without it a call would have failed */
	bool at_start;                  /* of what is kept: while a container started */
	const char *reason;             /* why it is not required, or not for certain; NULL: it is */
};

/* A capability that was asked for and refused. */
struct learned_denial {
	unsigned capability;
	uint64_t count;
	int64_t first, last;
	const char *const *executables;
	const char *reason; /* why it is not certain that a call failed; NULL: it is */
};

/* What was learned of all containers of an image, over months. Times are milliseconds since 1970. */
struct learned_kept {
	uint64_t starts; /* that were seen */
	int64_t first, last;
};

/* What processes show where checks cannot be counted: those that were forked in the container, and were there
 * at one look or another. The largest counts. */
enum sampled_use {
	SAMPLED_NOBODY,  /* there was none of whom it could be told */
	SAMPLED_UNUSED,  /* none of them has used a privilege since it was forked */
	SAMPLED_UNKNOWN, /* of one it cannot be told */
	SAMPLED_USED,    /* one has, whichever it was */
};

struct sampled {
	const char *id;      /* of the container */
	capability_set held; /* in effect in any of them */
	enum sampled_use use;
};

struct learned_container {
	const struct watched *watched;
	const struct learned_kept *kept; /* NULL: it is of one container and one watch */
	struct learned_use *uses;
	size_t use_count;
	struct learned_denial *denials;
	size_t denial_count;
	capability_set recommended; /* all that was required */
	capability_set of_starts;   /* of those: only by what starts of its image required before */
	bool complete;              /* its start was seen, or known of by the state, and nothing was lost */
	uint64_t observed_seconds;
	const struct sampled *sampled; /* NULL: its checks were counted */
};

struct learned {
	struct arena *arena;
	struct learned_container *containers;
	size_t count;
	uint64_t lost;
	uint64_t unseen; /* checks by whom came and went between two looks: in no mount namespace that was
			    seen */
	bool nameless;   /* the kernel did not tell who in it asks: what is no need could not be told */
	const char *evidence;
};

/* Judges what was counted up to `now` (milliseconds since 1970) for the containers; `others`: the mount
 * namespaces of all other processes that were seen. Owned by the caller, with pointers to both. NULL without
 * memory. */
struct learned *learned_make(const struct usage *usage, const struct watched *watched, size_t count,
			     const struct mounts_seen *others, int64_t now);
void learned_free(struct learned *learned);

/* Whether it may be a need of whoever made it: else it says nothing of the program. */
bool check_tells_need(const struct usage_check *check);

/* Whether the check was made in the mount namespace. */
enum mounts_match {
	MOUNTS_OTHER,
	MOUNTS_MAYBE, /* of both only the inode number is known, which it had at that time */
	MOUNTS_SAME,
};
enum mounts_match mounts_match(const struct mounts_span *span, const struct usage_check *check);

/* Whether it was made in one of them, for all that is known. */
bool mounts_have(const struct mounts_seen *mounts, const struct usage_check *check);

/* The same of those of the containers. */
bool watched_have(const struct watched *watched, size_t count, const struct usage_check *check);

/* What is kept of all containers of an image or of its task's family. */
struct learned_history {
	const char *id; /* of the container that it was asked for */
	/* Asked for and granted; without the first ones a call would have failed. */
	capability_set required, optional;
	uint64_t seconds, starts; /* in which containers of the image were watched, and their starts among
				     it */
};

#endif
