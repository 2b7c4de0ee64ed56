/* Documents fetched by HTTP from programs of this machine, all at once and within bounds. */
#ifndef COLLECTORS_FETCH_H
#define COLLECTORS_FETCH_H

#include "collectors/identity/endpoint.h"
#include "collectors/read.h"

enum {
	FETCH_MILLISECONDS = 1000,     /* for all of one answer */
	FETCH_BYTES = 4 * 1024 * 1024, /* of its body */
};

enum fetch_fault {
	FETCH_NO_FAULT,
	FETCH_NO_LIBRARY, /* libcurl is not installed */
	FETCH_NO_MEMORY,
	FETCH_NOT_HTTP,  /* the address is no http:// one with a number for a host */
	FETCH_NO_ANSWER, /* `number` is errno, or 0 */
	FETCH_STATUS,    /* `number` is not 200 */
	FETCH_TOO_SLOW,
	FETCH_TOO_LONG,
	FETCH_FAULTS
};

/* One GET. What is asked for lives as long as the fetch. */
struct fetch {
	enum endpoint endpoint; /* what is asked for, to whoever knows the address itself */
	const char *url;
	const char *socket; /* the Unix socket to ask at; NULL: by TCP */
	struct buffer body; /* of an answer without a fault; the caller frees it */
	enum fetch_fault fault;
	int number;
};

/* Asks all of them at once. Each has its answer or its fault after FETCH_MILLISECONDS. No proxy is used, no
 * redirect followed, no name resolved. */
void fetch_all(struct fetch *fetches, size_t count);

#endif
