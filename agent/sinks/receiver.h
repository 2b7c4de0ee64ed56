/* The receiver that a sink's URL leads to, as far as that can be told without asking it. */
#ifndef AGENT_SINKS_RECEIVER_H
#define AGENT_SINKS_RECEIVER_H

#include "proctor/sink.h"

enum transport { TRANSPORT_TCP, TRANSPORT_TLS, TRANSPORT_UNIX };

/* A scheme of a kind of sink. */
struct receiver_scheme {
	const char *name;
	enum transport transport;
	unsigned port; /* where the URL gives none; 0: it has to */
};

struct receiver {
	enum transport transport;
	char *host; /* of TCP and TLS; an address of IPv6 without brackets */
	unsigned port;
	char *path; /* of TCP and TLS: path and query as given, at least `/`; of a Unix socket: its path */
	char *user; /* USER:PASSWORD of the URL, decoded; NULL: none */
	bool local; /* what is sent does not leave the machine: loopback or a Unix socket */
};

/* Takes the URL apart (curl_url_set(3)) by the schemes, a list ended by one without a name, and checks what
 * goes with it: in clear to other machines only when `insecure` says so, files of TLS only with TLS. -1 and
 * *error, which names no part of the URL that may be secret. Freed by receiver_free either way. */
int receiver_parse(struct receiver *receiver, const struct receiver_scheme *schemes,
		   const struct sink_options *options, struct error **error);
void receiver_free(struct receiver *receiver);

#define _cleanup_receiver_ __attribute__((cleanup(receiver_free)))

#endif
