#include "agent/sinks/receiver.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sinks/url.h"
#include "collectors/curl_library.h"
#include "proctor/cleanup.h"

/* ---- its parts ---------------------------------------------------------------------------------- */

struct parts {
	struct curl_library curl;
	CURLU *url;
};

static void free_parts(struct parts *parts)
{
	if (parts->url)
		parts->curl.url_cleanup(parts->url);
}

static int load(struct parts *parts, struct error **error)
{
	if (curl_library_load(&parts->curl)) {
		error_set(error, 0, "libcurl.so.4 is not installed");
		return error_remedy(error, "install it, or use the sinks stdout and file");
	}
	parts->url = parts->curl.url();
	return parts->url ? 0 : error_set(error, 0, "out of memory");
}

/* In words what is mistyped most, for curl has none before 7.80. */
static int malformed(CURLUcode code, const struct receiver_scheme *scheme, struct error **error)
{
	static const struct {
		CURLUcode code;
		const char *words;
	} known[] = {
		{CURLUE_BAD_PORT_NUMBER, "its port is no number of 1 to 65535"},
		{CURLUE_NO_HOST, "it has no host"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].code == code)
			return error_set(error, 0, "no URL of %s: %s", scheme->name, known[i].words);
	error_set(error, 0, "no URL of %s: curl's error %d", scheme->name, (int)code);
	return error_remedy(error, "libcurl-errors(3) has it under CURLUcode");
}

/* A part of the URL, owned by the caller; NULL when it has none. */
static int part(const struct parts *parts, CURLUPart which, unsigned flags, char **copy, struct error **error)
{
	char *text = NULL;
	CURLUcode code = parts->curl.url_get(parts->url, which, &text, flags);

	*copy = NULL;
	if (code >= CURLUE_NO_SCHEME && code <= CURLUE_NO_FRAGMENT)
		return 0;
	if (code == CURLUE_OUT_OF_MEMORY)
		return error_set(error, 0, "out of memory");
	if (code != CURLUE_OK)
		return error_set(error, 0, "a malformed URL: curl's error %d", (int)code);
	*copy = strdup(text);
	parts->curl.free(text);
	return *copy ? 0 : error_set(error, 0, "out of memory");
}

static int take_user(struct receiver *receiver, const struct parts *parts, struct error **error)
{
	_cleanup_free_ char *user = NULL, *password = NULL;

	if (part(parts, CURLUPART_USER, CURLU_URLDECODE, &user, error) ||
	    part(parts, CURLUPART_PASSWORD, CURLU_URLDECODE, &password, error))
		return -1;
	if (!user)
		return 0;
	if (asprintf(&receiver->user, "%s:%s", user, password ? password : "") >= 0)
		return 0;
	receiver->user = NULL;
	return error_set(error, 0, "out of memory");
}

static int take_port(struct receiver *receiver, const struct parts *parts,
		     const struct receiver_scheme *scheme, struct error **error)
{
	_cleanup_free_ char *port = NULL;

	if (part(parts, CURLUPART_PORT, 0, &port, error))
		return -1;
	receiver->port = port ? (unsigned)strtoul(port, NULL, 10) : scheme->port;
	return receiver->port ? 0 : error_set(error, 0, "a URL of %s gives a port", scheme->name);
}

/* Curl keeps the brackets of an address of IPv6. */
static void strip_brackets(char *host)
{
	size_t length = strlen(host);

	if (length > 2 && *host == '[' && host[length - 1] == ']') {
		memmove(host, host + 1, length - 2);
		host[length - 2] = '\0';
	}
}

static int take_path(struct receiver *receiver, const struct parts *parts, struct error **error)
{
	_cleanup_free_ char *path = NULL, *query = NULL;

	if (part(parts, CURLUPART_PATH, 0, &path, error) || part(parts, CURLUPART_QUERY, 0, &query, error))
		return -1;
	if (asprintf(&receiver->path, "%s%s%s", path ? path : "/", query ? "?" : "", query ? query : "") >= 0)
		return 0;
	receiver->path = NULL;
	return error_set(error, 0, "out of memory");
}

static int take_host(struct receiver *receiver, const struct parts *parts, struct error **error)
{
	if (part(parts, CURLUPART_HOST, CURLU_URLDECODE, &receiver->host, error))
		return -1;
	if (!receiver->host || !*receiver->host)
		return error_set(error, 0, "a URL without a host");
	strip_brackets(receiver->host);
	return 0;
}

static int take_network(struct receiver *receiver, const struct receiver_scheme *scheme, const char *url,
			struct error **error)
{
	__attribute__((cleanup(free_parts))) struct parts parts = {0};
	CURLUcode code;

	if (url[strlen(scheme->name) + strlen("://")] == '/') /* which curl overlooks */
		return error_set(error, 0, "a URL without a host");
	if (load(&parts, error))
		return -1;
	code = parts.curl.url_set(parts.url, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
	if (code != CURLUE_OK)
		return malformed(code, scheme, error);
	return take_host(receiver, &parts, error) || take_port(receiver, &parts, scheme, error) ||
			       take_path(receiver, &parts, error) || take_user(receiver, &parts, error)
		       ? -1
		       : 0;
}

static int take_socket(struct receiver *receiver, const struct receiver_scheme *scheme, const char *url,
		       struct error **error)
{
	if (url[strlen(scheme->name) + strlen("://")] != '/' || strchr(url, '?'))
		return error_set(error, 0, "a URL of a socket is %s:///PATH, a ? in it is %%3F",
				 scheme->name);
	receiver->path = url_path(url, error);
	return receiver->path ? 0 : -1;
}

/* ---- what goes with it -------------------------------------------------------------------------- */

/* By name or number, as RFC 6761 and RFC 4291 have them; what a name server says is not asked. */
static bool is_loopback(const char *host)
{
	struct in_addr four;
	struct in6_addr six;

	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, host, &six) == 1)
		return IN6_IS_ADDR_LOOPBACK(&six);
	return !strcasecmp(host, "localhost");
}

static int check_clear(const struct receiver *receiver, const struct receiver_scheme *scheme,
		       const struct sink_options *options, struct error **error)
{
	if (receiver->transport == TRANSPORT_TLS)
		return 0;
	if (options->ca_file || options->certificate_file || options->key_file)
		return error_set(error, 0, "%s has no TLS, to which certificates belong", scheme->name);
	if (receiver->local || options->insecure)
		return 0;
	error_set(error, 0, "%s to another machine goes in clear", scheme->name);
	return error_remedy(error, "use TLS, or say insecure = yes, in clear");
}

static int check(const struct receiver *receiver, const struct receiver_scheme *scheme,
		 const struct sink_options *options, struct error **error)
{
	if (!options->certificate_file != !options->key_file)
		return error_set(error, 0, "certificate_file and key_file go together");
	return check_clear(receiver, scheme, options, error);
}

/* ---- all of it ---------------------------------------------------------------------------------- */

int receiver_parse(struct receiver *receiver, const struct receiver_scheme *schemes,
		   const struct sink_options *options, struct error **error)
{
	const struct receiver_scheme *scheme = schemes;

	while (scheme->name && !url_has_scheme(options->url, scheme->name))
		scheme++;
	*receiver = (struct receiver){.transport = scheme->transport};
	if (!scheme->name || !strstr(options->url, "://"))
		return error_set(error, 0, "a URL is %s://HOST", schemes->name);
	if (scheme->transport == TRANSPORT_UNIX ? take_socket(receiver, scheme, options->url, error)
						: take_network(receiver, scheme, options->url, error))
		return -1;
	receiver->local = scheme->transport == TRANSPORT_UNIX || is_loopback(receiver->host);
	return check(receiver, scheme, options, error);
}

void receiver_free(struct receiver *receiver)
{
	free(receiver->host);
	free(receiver->path);
	free(receiver->user);
	*receiver = (struct receiver){0};
}
