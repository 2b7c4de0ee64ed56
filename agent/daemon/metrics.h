/* Prometheus metrics, in node_exporter's manner, over HTTP by libmicrohttpd, which is loaded when it is
 * wanted. */
#ifndef AGENT_DAEMON_METRICS_H
#define AGENT_DAEMON_METRICS_H

#include "agent/daemon/message.h"
#include "agent/store/store.h"

/* What is told. The strings of `summary` live as long as the call. */
struct metrics_facts {
	const struct store_state *state;
	const char *summary; /* of the last pass (struct pass); NULL: none yet */
	size_t summary_length;
	double pass_time; /* seconds since 1970 of the last pass */
	struct message_counters counters;
	uint64_t auditor_restarts;
	double started; /* seconds since 1970 */
};

/* The text exposition format of all of it, owned by the caller; NULL when memory is exhausted. */
char *metrics_text(const struct metrics_facts *facts);

struct metrics_server;

/* Listens at ADDRESS:PORT (an IPv6 address in brackets) and answers GET /metrics, on a thread of its own, by
 * `text` (which returns what the server frees by free(3); NULL: 503). A few connections at once, bounded in
 * time and size. NULL and *error. */
struct metrics_server *metrics_start(const char *address, char *(*text)(void *context), void *context,
				     struct error **error);
void metrics_stop(struct metrics_server *server);

#endif
