#include "agent/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "proctor/text.h"

static int port_parse(const char *text, in_port_t *port)
{
	const char *end = text + strlen(text);
	uint64_t number;

	if (!text_read_number(&text, end, 10, &number) || text != end || number < 1 || number > 65535)
		return -1;
	*port = htons((uint16_t)number);
	return 0;
}

static int host_parse(const char *host, union address *address)
{
	if (*host != '[') {
		address->v4.sin_family = AF_INET;
		return inet_pton(AF_INET, host, &address->v4.sin_addr) == 1 ? 0 : -1;
	}
	address->v6.sin6_family = AF_INET6;
	return inet_pton(AF_INET6, host + 1, &address->v6.sin6_addr) == 1 ? 0 : -1;
}

int address_parse(const char *text, union address *address, struct error **error)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 1] = "";
	size_t length = colon ? (size_t)(colon - text) : 0;
	bool bracketed = length > 1 && text[0] == '[' && text[length - 1] == ']';
	in_port_t port;

	*address = (union address){0};
	if (length - bracketed < sizeof(host))
		memcpy(host, text, length - bracketed);
	if (!colon || (*text == '[' && !bracketed) || host_parse(host, address) ||
	    port_parse(colon + 1, &port))
		return error_set(error, 0,
				 "'%s' is not ADDRESS:PORT, as 127.0.0.1:9469 or [::1]:9469 (numbers only)",
				 text);
	if (address->any.sa_family == AF_INET)
		address->v4.sin_port = port;
	else
		address->v6.sin6_port = port;
	return 0;
}
