#include "agent/daemon/asking.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "collectors/identity/endpoint.h"
#include "proctor/cleanup.h"
#include "proctor/clock.h"

enum {
	WAIT_MS = 3 * FETCH_MILLISECONDS, /* for all answers: the shipper may be storing a pass */
};

/* ---- the auditor's side ------------------------------------------------------------------------- */

static int keep_body(struct buffer *buffer, struct bytes body)
{
	buffer->data = malloc(body.length + 1);
	if (!buffer->data)
		return -1;
	if (body.length)
		memcpy(buffer->data, body.data, body.length);
	buffer->data[body.length] = '\0';
	buffer->length = body.length;
	buffer->capacity = body.length + 1;
	return 0;
}

static void take_answer(const struct message *message, struct fetch *fetches, size_t count, size_t *missing)
{
	for (size_t i = 0; i < count; i++) {
		struct fetch *fetch = &fetches[i];
		if ((uint32_t)fetch->endpoint != message->answer.endpoint ||
		    fetch->fault != FETCH_NO_ANSWER || fetch->number != EAGAIN)
			continue;
		fetch->fault = (enum fetch_fault)message->answer.fault;
		fetch->number = message->answer.number;
		if (!fetch->fault && keep_body(&fetch->body, message->answer.body))
			fetch->fault = FETCH_NO_MEMORY;
		--*missing;
		return;
	}
}

/* Receives what comes until the time is up. False: the shipper has gone. */
static bool receive(struct inquiry *asking, struct fetch *fetches, size_t count, size_t *missing, int wait)
{
	struct pollfd polled = {.fd = channel_socket(asking->shipper), .events = POLLIN};
	struct message *message = NULL;
	int result;

	if (poll(&polled, 1, wait) < 0)
		return errno == EINTR;
	while ((result = channel_receive(asking->shipper, &message, NULL)) > 0) {
		asking->again |= message->kind == MESSAGE_AGAIN;
		if (message->kind == MESSAGE_ANSWER)
			take_answer(message, fetches, count, missing);
		else if (asking->other)
			asking->other(asking->context, message);
		message_free(message);
	}
	return result == 0;
}

void ask_shipper(void *context, struct fetch *fetches, size_t count)
{
	struct inquiry *asking = context;
	struct message question = {.kind = MESSAGE_ASK};
	uint64_t end = clock_ms() + WAIT_MS, now;
	size_t missing = count;

	for (size_t i = 0; i < count; i++) {
		fetches[i].fault = FETCH_NO_ANSWER;
		fetches[i].number = EAGAIN; /* asked, no answer yet */
		question.endpoints |= 1u << fetches[i].endpoint;
	}
	if (!count || channel_send(asking->shipper, &question, NULL))
		missing = 0;
	while (missing && (now = clock_ms()) < end)
		if (!receive(asking, fetches, count, &missing, (int)(end - now)))
			break;
	for (size_t i = 0; i < count; i++)
		if (fetches[i].fault == FETCH_NO_ANSWER && fetches[i].number == EAGAIN)
			fetches[i].number = 0;
}

/* ---- the shipper's side ------------------------------------------------------------------------- */

static int send_answer(struct channel *channel, const struct fetch *fetch, struct error **error)
{
	struct message message = {.kind = MESSAGE_ANSWER};

	message.answer.endpoint = fetch->endpoint;
	message.answer.fault = fetch->fault;
	message.answer.number = fetch->number;
	if (!fetch->fault)
		message.answer.body = (struct bytes){fetch->body.data, fetch->body.length};
	return channel_send(channel, &message, error);
}

int answer_auditor(struct channel *channel, uint32_t endpoints, const char *task_metadata,
		   const char *docker_socket, struct error **error)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct fetch fetches[ENDPOINT_COUNT] = {0};
	size_t count = 0;
	int result = 0;

	if (!arena)
		return error_set(error, 0, "fetching metadata: out of memory");
	for (unsigned i = 0; i < ENDPOINT_COUNT; i++) {
		struct fetch *fetch = &fetches[count];
		if (!(endpoints & 1u << i))
			continue;
		fetch->endpoint = (enum endpoint)i;
		if (!endpoint_address(fetch->endpoint, task_metadata, docker_socket, arena, &fetch->url,
				      &fetch->socket))
			count++;
	}
	fetch_all(fetches, count);
	for (size_t i = 0; i < count; i++) {
		if (!result)
			result = send_answer(channel, &fetches[i], error);
		buffer_free(&fetches[i].body);
	}
	return result;
}
