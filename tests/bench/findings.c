#include "tests/bench/findings.h"

#include <stdlib.h>
#include <string.h>

void die(const char *what, const struct error *error)
{
	fprintf(stderr, "%s: %s\n", what, error_message(error));
	exit(1);
}

/* Twice as long as most reasons of rules. */
static const char why[] = "A process that runs as root keeps every way of root's that its capabilities leave "
			  "open: it owns the files of "
			  "root in the image and in the volumes, it may write to those that the kernel "
			  "offers to root alone, and whoever "
			  "breaks into it starts from there. What it is not given by capabilities it often "
			  "finds in files: a socket of a "
			  "runtime, a key, a unit of the host that was mounted for another purpose. With a "
			  "user namespace root of the "
			  "container would be nobody on the host; this one has none, so that a way out of "
			  "the container is a way to root "
			  "of the machine. Most servers need root for one thing only, to listen on a port "
			  "below 1024, and there is a "
			  "capability for that, and a sysctl.";

void findings_make(struct findings_made *made, size_t count, uint64_t digest)
{
	for (size_t i = 0; i < count; i++) {
		struct observed *observed = &made->observed[i];
		*observed = (struct observed){.rule = "process.root-user",
					      .severity = SEVERITY_MEDIUM,
					      .needs = SIGHT_PROCESSES,
					      .digest = digest,
					      .json = made->json[i]};
		snprintf(observed->id, sizeof(observed->id), "%032zx", i * 2654435761u);
		snprintf(made->json[i], FINDINGS_TEXT,
			 "{\"id\":\"%s\",\"rule\":\"process.root-user\",\"severity\":\"medium\",\"title\":"
			 "\"It runs as "
			 "root\",\"subject\":{\"kind\":\"process\",\"pids\":[%zu,%zu,%zu],\"count\":3,"
			 "\"executable\":\"/usr/sbin/nginx-%zu\"},\"evidence\":{\"uid\":0,\"capabilities\":["
			 "\"CAP_CHOWN\",\"CAP_KILL\"]},\"why\":\"%s\",\"remediation\":{\"text\":\"%.300s\"},"
			 "\"references\":[\"CIS 4.1\"]}",
			 observed->id, i + 2, i + 3, i + 4, i, why, why);
		observed->json_length = strlen(made->json[i]);
	}
}

void findings_pass(struct store *store, const struct findings_made *made, size_t count)
{
	static const struct seen seen = {.sight = UINT32_MAX};
	const struct pass pass = {.time = {.tv_sec = time(NULL)},
				  .seen = &seen,
				  .seen_count = 1,
				  .observed = made->observed,
				  .observed_count = count};
	struct error *error = NULL;

	if (store_pass(store, &pass, &error))
		die("a pass", error);
}
