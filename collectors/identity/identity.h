/* Who containers are, by the word of those who run them.
 *
 * Each source is a file here and a line in identity_sources[], the one that knows best first. Its `ask` adds
 * what it wants to fetch; when all answers are there, its `read` makes claims of them and of files. What
 * sources say is hostile text, and joined to the containers of the snapshot by their ids: identity_claim. */
#ifndef COLLECTORS_IDENTITY_IDENTITY_H
#define COLLECTORS_IDENTITY_IDENTITY_H

#include <jansson.h>

#include "collectors/fetch.h"
#include "proctor/collector.h"

enum {
	IDENTITY_SOURCES = 8,
	IDENTITY_TEXT_MAX = 4096,  /* bytes of one text; a longer one is left out */
	IDENTITY_LABELS_MAX = 256, /* of one container, by one source */
	IDENTITY_NAMES_MAX = 64,   /* of one directory */
};

/* What one source says of one container; NULL, or 0: nothing. */
struct claim {
	const char *task_name;    /* what its task definition calls it */
	const char *runtime_name; /* what its runtime calls it */
	const char *image, *image_id, *image_digest;
	const char *runtime, *kind;
	struct task task;
	struct pod pod;
	struct declared declared;
	struct label *labels;
	size_t label_count;
};

struct identification;

struct source {
	const char *name;   /* as `sources` of a container has it */
	const char *what;   /* who it is, to begin a reason with: `Docker's API` */
	const char *remedy; /* what lets it answer */
	void (*ask)(struct identification *identification); /* NULL: it fetches nothing */
	void (*read)(struct identification *identification);
};

extern const struct source *const identity_sources[];
extern const struct source source_ecs_task, source_ecs_agent, source_docker, source_docker_files,
	source_bundle, source_storage;

/* Names in a directory. */
struct names {
	const char *list[IDENTITY_NAMES_MAX];
	size_t count;
};

/* What was claimed of one container so far, and by whom. */
struct merged {
	struct claim claim;
	const char *sources[IDENTITY_SOURCES + 1];
	size_t source_count;
};

/* The collector at work. */
struct identification {
	struct snapshot *snapshot;
	const struct request *request;
	struct coverage *coverage;
	struct buffer buffer;
	int proc;
	int root;                    /* the host's root directory (O_PATH); -1: not ours to see */
	const struct source *source; /* the one that is asked or read now */
	const char *docker_socket;   /* NULL: there is none to ask */
	struct fetch fetches[ENDPOINT_COUNT];
	size_t fetch_count;
	struct merged *merged;          /* for each container of the snapshot */
	const struct container **known; /* for each what it was in the snapshot before; NULL: nothing is */
	bool unanswered;                /* a source is there, and did not tell what it knows */
	bool failed;                    /* memory ran out */
};

/* ---- for sources ------------------------------------------------------------------------------- */

/* Notes what is missing. */
void identity_note(struct identification *identification, const char *reason, const char *example,
		   const char *remedy);

/* Asks for a document, once, unless there is nobody to ask. */
void identity_ask(struct identification *identification, enum endpoint endpoint);

/* What was answered, owned by the caller. NULL when it was not asked for, or the answer is none: that is
 * noted. */
json_t *identity_answer(struct identification *identification, enum endpoint endpoint);

/* Parses hostile JSON; NULL and a note that begins with the source when it is none. */
json_t *identity_parse(struct identification *identification, const char *text, size_t length,
		       const char *example);

/* The text of a member, in the snapshot's arena. NULL when it is not there, empty, or, which is noted, of
 * another type or longer than IDENTITY_TEXT_MAX. */
const char *identity_text(struct identification *identification, const json_t *object, const char *key);

/* The members of an object as labels of the claim. */
void identity_labels(struct identification *identification, struct claim *claim, json_t *object);

/* Fills in what labels that owners and runtimes set, not images, tell of a container, where the claim has
 * nothing yet. */
void claim_read_labels(struct claim *claim);

/* Marks labels that the image has as well, `image` being an object with its `Labels`: a container has them
 * among its own. NULL: an image that is not known may have any. */
void claim_mark_image_labels(struct claim *claim, const json_t *image);

/* The container with that id; NULL: there is none. */
const struct container *identity_container(const struct identification *identification, const char *id);

/* The container with that id, of which the current source is to tell. NULL, and a note, when no process of it
 * is here, or the source has told of it. */
const struct container *identity_subject(struct identification *identification, const char *id);

/* Whether that source has told of the container. */
bool identity_is_told(const struct identification *identification, const struct container *container,
		      const struct source *source);

/* Adds what the current source says of a container. What an earlier source said otherwise stands, and the
 * disagreement is noted. */
void identity_claim(struct identification *identification, const struct container *container,
		    struct claim *claim);

/* The same by id, as identity_subject. */
void identity_claim_id(struct identification *identification, const char *id, struct claim *claim);

/* Reads a regular file in the root `directory` into the buffer, at most FETCH_BYTES, without waiting. False
 * when there is none, or, which is noted, it cannot be read. */
bool identity_read_file(struct identification *identification, int directory, const char *path);

/* Lists the names in a directory of the host's root that `is_wanted` and do not begin with a dot. What cannot
 * be listed, or is more than IDENTITY_NAMES_MAX, is noted. */
void identity_list(struct identification *identification, const char *path,
		   bool (*is_wanted)(const char *name), struct names *names);

/* What an OCI runtime's config.json declares and is annotated with. */
void spec_read(struct identification *identification, json_t *spec, struct claim *claim);

/* Reads the ECS agent's configuration file of KEY=VALUE lines, as docker's --env-file. */
void ecs_config_parse(const char *text, size_t length, struct ecs_agent *agent);
void ecs_config_read(struct identification *identification);

#endif
