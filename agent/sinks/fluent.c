/* Records to Fluentd and Fluent Bit by the forward protocol, a batch as one chunk. They are out when the
 * receiver has acknowledged that very chunk. */
#include "agent/sinks/fluent.h"

#include <limits.h>
#include <nettle/base16.h>
#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/sinks/fluent_encode.h"
#include "agent/sinks/fluent_handshake.h"
#include "agent/sinks/secret.h"
#include "agent/sinks/sinks.h"
#include "agent/sinks/stream.h"
#include "proctor/cleanup.h"

enum { PORT = 24224, RANDOM_SIZE = 16 };

struct fluent {
	struct sink_options options;
	struct receiver receiver;
	struct stream *stream;
	struct msgpack_library msgpack;
	char hostname[HOST_NAME_MAX + sizeof("proctor@")];
	bool one_chunk; /* is all that the receiver takes by a connection */
	char said[FLUENT_ANSWER_MAX];
	size_t said_length;
};

static const struct receiver_scheme schemes[] = {
	{"fluent", TRANSPORT_TCP, PORT},
	{"fluent+tls", TRANSPORT_TLS, PORT},
	{"fluent+unix", TRANSPORT_UNIX, 0},
	{0},
};

/* ---- what is told ------------------------------------------------------------------------------- */

static int check_key(const struct sink_options *options, const struct receiver *receiver,
		     struct error **error)
{
	if (options->shared_key && options->shared_key_file)
		return error_set(error, 0, "shared_key and shared_key_file are one too many");
	if (receiver->user && !options->shared_key && !options->shared_key_file)
		return error_set(error, 0, "a user is asked for only where there is a shared key");
	return 0;
}

static int parse(struct receiver *receiver, const struct sink_options *options, struct error **error)
{
	if (receiver_parse(receiver, schemes, options, error) || check_key(options, receiver, error))
		return -1;
	if (receiver->transport != TRANSPORT_UNIX && strcmp(receiver->path, "/") != 0)
		return error_set(error, 0, "the URL of a receiver of the forward protocol has no path");
	if (options->tag && !*options->tag)
		return error_set(error, 0, "tag: empty");
	return 0;
}

int fluent_check(const struct sink_options *options, struct error **error)
{
	_cleanup_receiver_ struct receiver receiver = {0};

	return parse(&receiver, options, error);
}

/* A name of our own: Fluentd refuses clients that are called as it is itself. */
static void take_hostname(struct fluent *fluent)
{
	char name[HOST_NAME_MAX + 1] = "";

	gethostname(name, sizeof(name) - 1);
	snprintf(fluent->hostname, sizeof(fluent->hostname), "proctor@%s", name);
}

static int start(struct fluent *fluent, struct error **error)
{
	if (msgpack_library_load(&fluent->msgpack)) {
		error_set(error, 0, "libmsgpackc.so.2 is not installed");
		return error_remedy(error, "install it, or use another sink");
	}
	if (parse(&fluent->receiver, &fluent->options, error))
		return -1;
	fluent->stream = stream_new(&fluent->options, &fluent->receiver, error);
	take_hostname(fluent);
	return fluent->stream ? 0 : -1;
}

void *fluent_open(const struct sink_options *options, struct error **error)
{
	struct fluent *fluent = calloc(1, sizeof(*fluent));

	if (!fluent) {
		error_set(error, 0, "opening a sink of the forward protocol: out of memory");
		return NULL;
	}
	fluent->options = *options;
	if (!start(fluent, error))
		return fluent;
	fluent_close(fluent);
	return NULL;
}

void fluent_close(void *state)
{
	struct fluent *fluent = state;

	stream_free(fluent->stream);
	receiver_free(&fluent->receiver);
	free(fluent);
}

/* ---- what the receiver says --------------------------------------------------------------------- */

/* Receives one message, freed by fluent_answer_free, which points into the sink. */
static int receive(struct fluent *fluent, msgpack_unpacked *answer, int stop, struct error **error)
{
	int result;

	fluent->said_length = 0;
	while (!(result = fluent_answer_parse(&fluent->msgpack, fluent->said, fluent->said_length, answer,
					      error))) {
		ssize_t more;
		if (fluent->said_length == sizeof(fluent->said))
			return error_set(error, 0, "its answer is longer than %zu bytes",
					 sizeof(fluent->said));
		more = stream_receive(fluent->stream, fluent->said + fluent->said_length,
				      sizeof(fluent->said) - fluent->said_length, stop, error);
		if (more < 0)
			return -1;
		fluent->said_length += (size_t)more;
	}
	return result < 0 ? -1 : 0;
}

/* ---- the handshake ------------------------------------------------------------------------------ */

static void cleanup_secret(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
}

static int receive_helo(struct fluent *fluent, struct fluent_helo *helo, int stop, struct error **error)
{
	msgpack_unpacked answer;
	int result;

	if (receive(fluent, &answer, stop, error))
		return -1;
	result = fluent_read_helo(&answer.data, helo, error);
	fluent_answer_free(&fluent->msgpack, &answer);
	return result;
}

static int receive_pong(struct fluent *fluent, const struct fluent_proof *proof,
			const struct fluent_helo *helo, int stop, struct error **error)
{
	msgpack_unpacked answer;
	int result;

	if (receive(fluent, &answer, stop, error))
		return -1;
	result = fluent_check_pong(&answer.data, proof, helo, error);
	fluent_answer_free(&fluent->msgpack, &answer);
	return result;
}

static int take_salt(struct fluent_proof *proof, struct error **error)
{
	uint8_t random[RANDOM_SIZE];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return error_set(error, 0, "no random numbers are to be had");
	base16_encode_update(proof->salt, sizeof(random), random);
	proof->salt[FLUENT_SALT_SIZE - 1] = '\0';
	return 0;
}

static int prove(struct fluent *fluent, const char *shared_key, int stop, struct error **error)
{
	struct fluent_proof proof = {
		.hostname = fluent->hostname, .shared_key = shared_key, .user = fluent->receiver.user};
	_cleanup_buffer_ struct buffer ping = {0};
	struct fluent_helo helo;

	if (take_salt(&proof, error) || receive_helo(fluent, &helo, stop, error) ||
	    fluent_write_ping(&proof, &helo, &ping, error) ||
	    stream_send(fluent->stream, ping.data, ping.length, stop, error) ||
	    receive_pong(fluent, &proof, &helo, stop, error))
		return -1;
	fluent->one_chunk = !helo.keepalive;
	return 0;
}

static int shake_hands(struct fluent *fluent, int stop, struct error **error)
{
	const struct sink_options *options = &fluent->options;
	__attribute__((cleanup(cleanup_secret))) char *read = NULL;

	if (!options->shared_key && !options->shared_key_file)
		return 0;
	if (options->shared_key)
		return prove(fluent, options->shared_key, stop, error);
	read = secret_read("shared_key_file", options->shared_key_file, error);
	return read ? prove(fluent, read, stop, error) : -1;
}

/* ---- a chunk ------------------------------------------------------------------------------------ */

static int connect_receiver(struct fluent *fluent, int stop, struct error **error)
{
	bool connected;

	if (stream_is_ended(fluent->stream))
		stream_disconnect(fluent->stream);
	connected = stream_is_connected(fluent->stream);
	if (stream_begin(fluent->stream, stop, error))
		return -1;
	fluent->one_chunk &= connected;
	return connected ? 0 : shake_hands(fluent, stop, error);
}

static int receive_ack(struct fluent *fluent, const char *chunk, int stop, struct error **error)
{
	msgpack_unpacked answer;
	int result;

	if (receive(fluent, &answer, stop, error))
		return -1;
	result = fluent_check_ack(&answer.data, chunk, error);
	fluent_answer_free(&fluent->msgpack, &answer);
	return result;
}

/* After a failure nothing that is still underway is taken for what comes next. */
static int exchange(struct fluent *fluent, const struct buffer *message, const char *chunk, int stop,
		    struct error **error)
{
	if (connect_receiver(fluent, stop, error) ||
	    stream_send(fluent->stream, message->data, message->length, stop, error) ||
	    receive_ack(fluent, chunk, stop, error)) {
		if (stream_is_connected(fluent->stream))
			error_context(error, "%s", stream_name(fluent->stream));
		stream_disconnect(fluent->stream);
		return -1;
	}
	if (fluent->one_chunk)
		stream_disconnect(fluent->stream);
	return 0;
}

static int name_chunk(struct fluent_form *form, struct error **error)
{
	uint8_t random[RANDOM_SIZE];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return error_set(error, 0, "no random numbers are to be had");
	base64_encode_raw(form->chunk, sizeof(random), random);
	form->chunk[FLUENT_CHUNK_SIZE - 1] = '\0';
	return 0;
}

int fluent_deliver(void *state, const struct queued *records, size_t count, int stop,
		   struct delivered *delivered, struct error **error)
{
	struct fluent *fluent = state;
	struct fluent_form form = {.tag = fluent->options.tag ? fluent->options.tag : "proctor",
				   .gzip = fluent->options.gzip};
	_cleanup_buffer_ struct buffer message = {0};

	if (name_chunk(&form, error) || fluent_encode(&form, records, count, &message, error) ||
	    exchange(fluent, &message, form.chunk, stop, error))
		return -1;
	delivered->out = count;
	return 0;
}

const struct sink_kind sink_fluent = {
	.schemes = (const char *const[]){"fluent", "fluent+tls", "fluent+unix", NULL},
	.form = "fluent[+tls]://HOST[:PORT] or fluent+unix:///PATH",
	.help = "Fluentd or Fluent Bit by the forward protocol; each chunk is acknowledged",
	.keys = (const char *const[]){"timeout", "ca_file", "certificate_file", "key_file", "insecure",
				      "compress", "tag", "shared_key", "shared_key_file", NULL},
	.check = fluent_check,
	.open = fluent_open,
	.deliver = fluent_deliver,
	.close = fluent_close,
};
