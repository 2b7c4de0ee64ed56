/* Records to the log router that ECS runs beside a task's containers (FireLens). Where it is and which tag it
 * takes ECS tells the container: by variables, a socket, and the task's metadata. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/command.h"
#include "agent/sinks/fluent.h"
#include "agent/sinks/sinks.h"
#include "collectors/fetch.h"
#include "proctor/cleanup.h"

static const char socket_path[] = "/var/run/fluent.sock";

struct firelens {
	struct sink_options options;
	char *url, *tag; /* of the router; NULL: not found yet */
	void *fluent;    /* the sink that delivers; NULL: there is none yet */
};

/* ---- where it is -------------------------------------------------------------------------------- */

/* In the network modes of ECS FLUENT_HOST is this task's own network, or a bridge of this machine. */
static char *url_of_variables(void)
{
	const char *host = getenv("FLUENT_HOST"), *port = getenv("FLUENT_PORT");
	bool six = host && strchr(host, ':');
	char *url = NULL;

	if (!host || !*host ||
	    asprintf(&url, "fluent://%s%s%s:%s", six ? "[" : "", host, six ? "]" : "",
		     port && *port ? port : "24224") < 0)
		return NULL;
	return url;
}

static char *url_of_socket(void)
{
	char *url = NULL;

	if (access(socket_path, F_OK) || asprintf(&url, "fluent+unix://%s", socket_path) < 0)
		return NULL;
	return url;
}

static int find_router(struct firelens *firelens, struct error **error)
{
	if (!firelens->url)
		firelens->url = url_of_variables();
	if (!firelens->url)
		firelens->url = url_of_socket();
	if (firelens->url)
		return 0;
	error_set(error, 0, "there is no log router: neither FLUENT_HOST nor %s is there", socket_path);
	return error_remedy(error, "give this container the log driver awsfirelens in its task definition");
}

/* ---- which tag ---------------------------------------------------------------------------------- */

static int ask_metadata(const char *uri, json_t **container, struct error **error)
{
	struct fetch fetch = {.url = uri};

	fetch_all(&fetch, 1);
	*container = fetch.fault ? NULL : json_loadb(fetch.body.data, fetch.body.length, 0, NULL);
	buffer_free(&fetch.body);
	if (*container)
		return 0;
	return error_set(error, 0,
			 "the task's metadata does not tell this container's name, which is a part "
			 "of the tag");
}

/* <container>-firelens-<task id>: the outputs that ECS makes for a container match <container>-firelens*. */
static int compose_tag(struct firelens *firelens, const json_t *container, struct error **error)
{
	const char *name = json_string_value(json_object_get(container, "Name"));
	const char *task = json_string_value(
		json_object_get(json_object_get(container, "Labels"), "com.amazonaws.ecs.task-arn"));
	const char *id = task ? strrchr(task, '/') : NULL;

	if (!name || !*name)
		return error_set(error, 0, "the task's metadata tells no name of this container");
	if (asprintf(&firelens->tag, "%s-firelens%s%s", name, id ? "-" : "", id ? id + 1 : "") >= 0)
		return 0;
	firelens->tag = NULL;
	return error_set(error, 0, "out of memory");
}

static int find_tag(struct firelens *firelens, struct error **error)
{
	const char *uri = getenv(TASK_METADATA_VARIABLE), *given = firelens->options.tag;
	_cleanup_json_ json_t *container = NULL;

	if (firelens->tag)
		return 0;
	if (!given && uri && *uri)
		return ask_metadata(uri, &container, error) || compose_tag(firelens, container, error) ? -1
												       : 0;
	firelens->tag = strdup(given ? given : "proctor-firelens");
	return firelens->tag ? 0 : error_set(error, 0, "out of memory");
}

/* ---- a sink ------------------------------------------------------------------------------------- */

static struct sink_options options_to(const struct firelens *firelens)
{
	struct sink_options options = firelens->options;

	options.url = firelens->url;
	options.tag = firelens->tag;
	options.insecure = true;
	return options;
}

static void close_sink(void *state)
{
	struct firelens *firelens = state;

	if (firelens->fluent)
		fluent_close(firelens->fluent);
	free(firelens->url);
	free(firelens->tag);
	free(firelens);
}

static void *open_sink(const struct sink_options *options, struct error **error)
{
	struct firelens *firelens = calloc(1, sizeof(*firelens));

	if (!firelens) {
		error_set(error, 0, "opening the sink firelens: out of memory");
		return NULL;
	}
	firelens->options = *options;
	return firelens;
}

/* The router may start later than we do: that there is none yet is no mistake. */
static int check(const struct sink_options *options, struct error **error)
{
	struct firelens firelens = {
		.options = *options, .url = url_of_variables(), .tag = (char *)options->tag};
	struct sink_options to = options_to(&firelens);
	int result = 0;

	if (strcmp(options->url, "firelens") != 0)
		result = error_set(error, 0, "firelens takes nothing behind it");
	else if (firelens.url && fluent_check(&to, error))
		result = error_context(error, "FLUENT_HOST and FLUENT_PORT");
	free(firelens.url);
	return result;
}

static int find(struct firelens *firelens, struct error **error)
{
	struct sink_options options;

	if (firelens->fluent)
		return 0;
	if (find_router(firelens, error) || find_tag(firelens, error))
		return -1;
	options = options_to(firelens);
	firelens->fluent = fluent_open(&options, error);
	return firelens->fluent ? 0 : -1;
}

static int deliver(void *state, const struct queued *records, size_t count, int stop,
		   struct delivered *delivered, struct error **error)
{
	struct firelens *firelens = state;

	return find(firelens, error)
		       ? -1
		       : fluent_deliver(firelens->fluent, records, count, stop, delivered, error);
}

const struct sink_kind sink_firelens = {
	.schemes = (const char *const[]){"firelens", NULL},
	.form = "firelens",
	.help = "The log router that ECS runs beside the task's containers",
	.keys = (const char *const[]){"timeout", "compress", "tag", NULL},
	.check = check,
	.open = open_sink,
	.deliver = deliver,
	.close = close_sink,
};
