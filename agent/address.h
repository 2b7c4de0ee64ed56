/* ADDRESS:PORT of numbers: no name is looked up. */
#ifndef AGENT_ADDRESS_H
#define AGENT_ADDRESS_H

#include <netinet/in.h>

#include "proctor/error.h"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Reads `127.0.0.1:9469` or `[::1]:9469`. -1 and *error. */
int address_parse(const char *text, union address *address, struct error **error);

#endif
