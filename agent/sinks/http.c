#include "agent/sinks/http.h"

#include <stdio.h>
#include <string.h>

#include "agent/sinks/gzip.h"
#include "agent/sinks/http_answer.h"
#include "agent/sinks/http_batch.h"
#include "agent/sinks/http_connection.h"
#include "agent/sinks/http_headers.h"
#include "agent/sinks/http_secrets.h"
#include "agent/sinks/secret.h"
#include "proctor/cleanup.h"
#include "proctor/version.h"

enum {
	LIFETIME = 300,          /* seconds after which addresses, authorities and files are looked up anew */
	ANSWER_KEPT = 64 * 1024, /* of the room for answers, from one to the next */
	OWN_HEADERS = 6,
};

struct http {
	struct sink_options options;
	struct receiver receiver;
	struct http_headers headers;
	struct http_secrets secrets;
	struct http_connection *connection;
	struct http_batch batch;
	struct buffer body, packed;
	struct http_answer answer;
};

/* ---- opening ------------------------------------------------------------------------------------ */

/* What says who we are is said once. */
static int check_identity(const struct sink_options *options, const struct receiver *receiver,
			  const struct http_headers *headers, struct error **error)
{
	int given = (options->token != NULL) + (options->token_file != NULL) + (receiver->user != NULL) +
		    (http_headers_find(headers, "Authorization") != NULL);

	return given > 1 ? error_set(error, 0,
				     "of token, token_file, a user in the URL, and an Authorization in "
				     "headers only one can be given")
			 : 0;
}

/* It stands in a header, where a line may not end. */
static int check_token(const struct sink_options *options, struct error **error)
{
	for (const char *at = options->token; at && *at; at++)
		if ((unsigned char)*at <= ' ' || *at == 0x7f)
			return error_set(error, 0, "the token has a space or a control character");
	return options->token && !*options->token ? error_set(error, 0, "the token is empty") : 0;
}

int http_check(const struct sink_options *options, const struct receiver *receiver, struct error **error)
{
	_cleanup_http_headers_ struct http_headers headers = {0};

	return http_headers_parse(&headers, options->headers, error) || check_token(options, error) ||
			       check_identity(options, receiver, &headers, error)
		       ? -1
		       : 0;
}

struct http *http_open(const struct sink_options *options, struct receiver *receiver, struct error **error)
{
	struct http *http = http_check(options, receiver, error) ? NULL : calloc(1, sizeof(*http));

	if (!http) {
		if (!error || !*error)
			error_set(error, 0, "out of memory");
		return NULL;
	}
	http->options = *options;
	http->receiver = *receiver;
	*receiver = (struct receiver){0};
	http_batch_start(&http->batch);
	if (!http_headers_parse(&http->headers, options->headers, NULL) &&
	    !http_secrets_gather(&http->secrets, options, &http->receiver, &http->headers))
		return http;
	http_close(http);
	error_set(error, 0, "out of memory");
	return NULL;
}

static void disconnect(struct http *http)
{
	http_connection_close(http->connection);
	http->connection = NULL;
}

void http_close(struct http *http)
{
	disconnect(http);
	receiver_free(&http->receiver);
	http_headers_free(&http->headers);
	http_secrets_free(&http->secrets);
	http_answer_free(&http->answer);
	buffer_free(&http->body);
	buffer_free(&http->packed);
	free(http);
}

/* ---- who we are --------------------------------------------------------------------------------- */

/* Reads it from its file. 1: it is another one than before; -1 and *error. */
static int read_token(struct http *http, struct error **error)
{
	_cleanup_free_ char *token = secret_read("token_file", http->options.token_file, error);

	if (!token)
		return -1;
	if (!strcmp(token, *http->secrets.list))
		return 0;
	if (http_secrets_set_token(&http->secrets, token))
		return error_set(error, 0, "out of memory");
	return 1;
}

/* All that connects anew is read anew. */
static int connect_anew(struct http *http, struct error **error)
{
	if (http->connection && http_connection_age(http->connection) > LIFETIME)
		disconnect(http);
	if (http->connection)
		return 0;
	if (http->options.token_file && read_token(http, error) < 0)
		return -1;
	http->connection = http_connection_open(&http->options, &http->receiver, error);
	return http->connection ? 0 : -1;
}

/* ---- a request ---------------------------------------------------------------------------------- */

/* Of the headers of each request those that the user gives come instead of ours. */
static void list_headers(const struct http *http, const char *const *own, const char **headers)
{
	for (; *own; own++) {
		_cleanup_free_ char *name = strndup(*own, strcspn(*own, ":"));
		if (!name || !http_headers_find(&http->headers, name))
			*headers++ = *own;
	}
	for (size_t i = 0; i < http->headers.count; i++)
		*headers++ = http->headers.lines[i];
	*headers = NULL;
}

/* Sends the body, and takes the answer. -1 and *error: there is none. */
static int ask(struct http *http, const struct http_form *form, const struct buffer *body, int stop,
	       bool *begun, struct error **error)
{
	const char *token = http->options.token_file ? *http->secrets.list : http->options.token;
	_cleanup_free_ char *type = NULL, *agent = NULL, *bearer = NULL;
	const char *headers[OWN_HEADERS + HTTP_HEADERS_MOST + 1];
	struct http_request request = {.headers = headers, .body = body};

	if (asprintf(&type, "Content-Type: %s", form->content_type) < 0 ||
	    asprintf(&agent, "User-Agent: proctor/%s", proctor_version) < 0 ||
	    (token && asprintf(&bearer, "Authorization: Bearer %s", token) < 0))
		return error_set(error, 0, "out of memory");
	list_headers(http,
		     (const char *const[OWN_HEADERS + 1]){
			     type,
			     agent,
			     "Expect:",                   /* none: answers are told by their status alone */
			     "Accept-Encoding: identity", /* else any may come: RFC 9110, 12.5.3 */
			     body == &http->packed ? "Content-Encoding: gzip" : bearer,
			     body == &http->packed ? bearer : NULL,
		     },
		     headers);
	return http_exchange(http->connection, &request, stop, &http->answer, begun, error);
}

/* Once more where the token that it does not take has been replaced. */
static int ask_with_token(struct http *http, const struct http_form *form, const struct buffer *body,
			  int stop, bool *begun, struct error **error)
{
	int result = ask(http, form, body, stop, begun, error);

	if (result || http->answer.status != 401 || !http->options.token_file)
		return result;
	result = read_token(http, error);
	return result > 0 ? ask(http, form, body, stop, begun, error) : result;
}

/* The records as they are sent; NULL and *error. */
static const struct buffer *make_body(struct http *http, const struct http_form *form, void *context,
				      const struct queued *records, size_t count, struct error **error)
{
	http->body.length = 0;
	if (form->encode(context, records, count, &http->body, error))
		return NULL;
	if (!http->options.gzip)
		return &http->body;
	return gzip_pack(&http->body, &http->packed, error) ? NULL : &http->packed;
}

/* ---- its answer --------------------------------------------------------------------------------- */

static struct bytes answered(const struct http *http)
{
	return (struct bytes){http->answer.body.data, http->answer.body.length};
}

static void give_reason(const struct http *http, char *out, size_t size)
{
	http_reason(http->answer.status, answered(http), (const char *const *)http->secrets.list, out, size);
}

/* What is refused for good, with the reason. Whoever refuses one record after the other may not have looked
 * at them: the error tells its status alone, for in the reason it may have repeated a record. */
static int set_aside(struct http *http, size_t count, struct delivered *part, struct error **error)
{
	part->refused = count;
	part->wait = http_batch_set_aside(&http->batch);
	if (!part->wait)
		return 0;
	error_set(error, 0, "%s:%u refuses one record after the other, the last with status %ld",
		  http->receiver.host, http->receiver.port, http->answer.status);
	return error_remedy(error, "check that the URL leads to whom they are for, and then have them sent "
				   "again: proctor dead-letters --retry");
}

static int later(const struct http *http, struct delivered *part, struct error **error)
{
	const char *advice = http_advice_on(http->answer.status, answered(http));
	char reason[sizeof(part->reason)];

	part->wait = http->answer.wait;
	give_reason(http, reason, sizeof(reason));
	error_set(error, 0, "%s:%u answers %s", http->receiver.host, http->receiver.port, reason);
	return advice ? error_remedy(error, "%s", advice) : -1;
}

static int accepted(struct http *http, const struct http_form *form, void *context, size_t count,
		    struct delivered *part, struct error **error)
{
	part->out = count;
	if (form->judge &&
	    form->judge(context, http->answer.body.data, http->answer.body.length, count, part, error)) {
		part->out = part->refused = 0;
		part->wait = http->answer.wait;
		return -1;
	}
	http_mask(part->reason, (const char *const *)http->secrets.list);
	if (part->refused)
		return set_aside(http, part->refused, part, error);
	http_batch_accepted(&http->batch);
	return 0;
}

/* Of several records it is not known which one it is: the next request has less of them. */
static int judge(struct http *http, const struct http_form *form, void *context, const struct queued *records,
		 size_t count, struct delivered *part, struct error **error)
{
	enum http_meaning meaning = http_meaning_of(http->answer.status, answered(http));

	if (meaning == HTTP_ACCEPTED)
		return accepted(http, form, context, count, part, error);
	if (meaning == HTTP_LATER)
		return later(http, part, error);
	if (meaning == HTTP_TOO_LARGE)
		http_batch_too_large(&http->batch, records, count);
	else
		http_batch_refused(&http->batch, count);
	if (count > 1)
		return 0;
	give_reason(http, part->reason, sizeof(part->reason));
	return set_aside(http, count, part, error);
}

/* ---- delivering --------------------------------------------------------------------------------- */

/* One request. What did not get through as a whole is tried in smaller ones. */
static int deliver_some(struct http *http, const struct http_form *form, void *context,
			const struct queued *records, size_t count, int stop, struct delivered *part,
			struct error **error)
{
	const struct buffer *body = make_body(http, form, context, records, count, error);
	bool begun = false;
	int result;

	if (!body || connect_anew(http, error))
		return -1;
	result = ask_with_token(http, form, body, stop, &begun, error);
	if (result && begun)
		http_batch_refused(&http->batch, count);
	if (!result)
		result = judge(http, form, context, records, count, part, error);
	if (result || http->answer.cut)
		disconnect(http);
	if (http->answer.body.capacity > ANSWER_KEPT)
		http_answer_free(&http->answer);
	return result;
}

/* Nothing can be out behind what was refused. */
int http_deliver(struct http *http, const struct http_form *form, void *context, const struct queued *records,
		 size_t count, int stop, struct delivered *delivered, struct error **error)
{
	while (delivered->out < count && !delivered->refused) {
		const struct queued *rest = records + delivered->out;
		size_t chosen = http_batch_choose(&http->batch, rest, count - delivered->out);
		struct delivered part = {0};
		int result = deliver_some(http, form, context, rest, chosen, stop, &part, error);
		part.out += delivered->out;
		*delivered = part;
		if (result)
			return -1;
	}
	return 0;
}
