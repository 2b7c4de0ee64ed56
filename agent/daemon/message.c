#include "agent/daemon/message.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "agent/daemon/message_form.h"
#include "proctor/cleanup.h"

enum {
	PACKET_BYTES = 64 * 1024, /* beside the header; every packet but the last of a message has as many */
	WAITING_MAX = 8,          /* messages that are taken in while one is sent */
	DESCRIPTORS_MAX = 4,      /* of one packet, that are closed rather than cut off */
};

enum { PACKET_FIRST = 1 << 0, PACKET_LAST = 1 << 1 };

/* What every packet begins with. */
struct packet {
	uint8_t kind, flags;
	uint16_t zero;
	uint32_t length; /* of what follows */
};

struct received {
	struct message message; /* first: what the receiver has */
	char *bytes;            /* what it points to, beside its arena */
	struct received *next;
};

struct channel {
	int socket;
	uint32_t accepted;
	enum message_kind kind; /* of the message that is coming, when `begun` */
	bool begun;
	char *bytes; /* of it */
	size_t length, capacity;
	struct received *first; /* came while one was sent */
	size_t waiting;
};

int channel_pair(int sockets[2], struct error **error)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		return error_set(error, errno, "making a channel");
	return 0;
}

struct channel *channel_new(int socket, uint32_t accepted, struct error **error)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	if (!channel) {
		error_set(error, ENOMEM, "making a channel");
		return NULL;
	}
	channel->socket = socket;
	channel->accepted = accepted;
	return channel;
}

int channel_socket(const struct channel *channel)
{
	return channel->socket;
}

void message_free(struct message *message)
{
	struct received *received = (struct received *)message;

	if (!received)
		return;
	arena_free(message->arena);
	free(received->bytes);
	free(received);
}

void channel_free(struct channel *channel)
{
	if (!channel)
		return;
	for (struct received *received = channel->first, *next; received; received = next) {
		next = received->next;
		if (received->message.kind == MESSAGE_PEER)
			close(received->message.fd);
		message_free(&received->message);
	}
	close(channel->socket);
	free(channel->bytes);
	free(channel);
}

/* ---- receiving: packets ------------------------------------------------------------------------------ */

/* The one descriptor that came; -1, and all closed, when it is not one. */
static int take_descriptor(struct msghdr *header, size_t *count)
{
	int fds[DESCRIPTORS_MAX], fd = -1;

	*count = 0;
	for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
		size_t bytes = part->cmsg_len - CMSG_LEN(0);
		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS || bytes > sizeof(fds))
			continue;
		memcpy(fds, CMSG_DATA(part), bytes);
		for (size_t i = 0; i < bytes / sizeof(int); i++) {
			if (fd >= 0)
				close(fd);
			fd = fds[i];
			++*count;
		}
	}
	if (fd >= 0 && *count != 1) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Why the packet, of which `length` bytes came, is not one that may come now; NULL: it is. */
static const char *refusal(const struct channel *channel, const struct packet *packet, size_t length,
			   int flags, size_t descriptors)
{
	if (flags & (MSG_TRUNC | MSG_CTRUNC))
		return "a packet was too long";
	if (length < sizeof(*packet) || packet->length != length - sizeof(*packet) || packet->zero ||
	    packet->flags & ~(PACKET_FIRST | PACKET_LAST))
		return "a packet is malformed";
	if (packet->kind >= MESSAGE_KINDS || !(channel->accepted & MESSAGE_BIT(packet->kind)))
		return "a message of a kind that is not expected";
	if (channel->begun == !!(packet->flags & PACKET_FIRST) ||
	    (channel->begun && packet->kind != channel->kind))
		return "a message began within another, or not at all";
	if (!(packet->flags & PACKET_LAST) && packet->length != PACKET_BYTES)
		return "a packet in the middle of a message is not full";
	if (channel->length + packet->length > message_forms[packet->kind].limit)
		return "a message is too long";
	if (descriptors != message_forms[packet->kind].descriptor)
		return "a descriptor too many, or none where one belongs";
	return NULL;
}

static int make_room(struct channel *channel, struct error **error)
{
	size_t capacity = channel->capacity ? 2 * channel->capacity : PACKET_BYTES;
	char *grown;

	if (channel->capacity - channel->length >= PACKET_BYTES)
		return 0;
	if (capacity - channel->length < PACKET_BYTES)
		capacity = channel->length + PACKET_BYTES;
	grown = realloc(channel->bytes, capacity);
	if (!grown)
		return error_set(error, ENOMEM, "receiving a message");
	channel->bytes = grown;
	channel->capacity = capacity;
	return 0;
}

/* Takes one packet behind what came before. 1 with *last and *fd (or -1); 0: none waits; -1 and *error. */
static int take_packet(struct channel *channel, bool *last, int *fd, struct error **error)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
	} control;
	struct packet packet = {0};
	struct iovec parts[] = {{&packet, sizeof(packet)}, {NULL, PACKET_BYTES}};
	struct msghdr header = {.msg_iov = parts,
				.msg_iovlen = 2,
				.msg_control = &control,
				.msg_controllen = sizeof(control)};
	const char *why;
	size_t descriptors;
	ssize_t got;

	if (make_room(channel, error))
		return -1;
	parts[1].iov_base = channel->bytes + channel->length;
	do {
		got = recvmsg(channel->socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (got <= 0)
		return error_set(error, got ? errno : EPIPE, "receiving a message");
	*fd = take_descriptor(&header, &descriptors);
	why = refusal(channel, &packet, (size_t)got, header.msg_flags, descriptors);
	if (why) {
		if (*fd >= 0)
			close(*fd);
		return error_set(error, EPROTO, "receiving a message: %s", why);
	}
	channel->begun = true;
	channel->kind = packet.kind;
	channel->length += packet.length;
	*last = packet.flags & PACKET_LAST;
	return 1;
}

/* ---- receiving: messages ------------------------------------------------------------------------------- */

/* The message whose last packet came; it takes over the bytes. NULL and *error. */
static struct received *take_message(struct channel *channel, int fd, struct error **error)
{
	struct received *received = calloc(1, sizeof(*received));
	size_t length = channel->length;
	char *bytes = channel->bytes, *shrunk;

	channel->begun = false;
	channel->bytes = NULL;
	channel->length = channel->capacity = 0;
	if (received)
		received->message.arena = arena_new();
	if (!received || !received->message.arena) {
		free(bytes);
		free(received);
		error_set(error, ENOMEM, "receiving a message");
		return NULL;
	}
	shrunk = realloc(bytes, length + 1);
	received->bytes = shrunk ? shrunk : bytes;
	received->message.kind = channel->kind;
	received->message.fd = fd;
	if (!message_decode(&received->message, received->bytes, length, error))
		return received;
	message_free(&received->message);
	return NULL;
}

/* Takes packets until a message is whole. As channel_receive, without regard to those that wait. */
static int take(struct channel *channel, struct received **received, struct error **error)
{
	bool last = false;
	int fd = -1, result;

	do {
		result = take_packet(channel, &last, &fd, error);
	} while (result == 1 && !last);
	if (result != 1)
		return result;
	*received = take_message(channel, fd, error);
	if (*received)
		return 1;
	if (fd >= 0)
		close(fd);
	return -1;
}

int channel_receive(struct channel *channel, struct message **message, struct error **error)
{
	struct received *received = channel->first;
	int result = 1;

	if (received) {
		channel->first = received->next;
		channel->waiting--;
	} else {
		result = take(channel, &received, error);
	}
	if (result == 1)
		*message = &received->message;
	return result;
}

/* Takes in what comes while the other side is slow. */
static int take_meanwhile(struct channel *channel, struct error **error)
{
	struct received **end = &channel->first, *received;
	int result = take(channel, &received, error);

	if (result != 1)
		return result;
	while (*end)
		end = &(*end)->next;
	*end = received;
	channel->waiting++;
	return 0;
}

/* ---- sending ------------------------------------------------------------------------------------------- */

/* Waits until the other side has taken something, as long as that may be. */
static int wait_to_send(struct channel *channel, struct error **error)
{
	struct pollfd wanted = {.fd = channel->socket, .events = POLLOUT};

	if (channel->waiting < WAITING_MAX)
		wanted.events |= POLLIN;
	if (poll(&wanted, 1, -1) < 0 && errno != EINTR)
		return error_set(error, errno, "waiting to send a message");
	return wanted.revents & POLLIN ? take_meanwhile(channel, error) : 0;
}

static int send_packet(struct channel *channel, struct packet *packet, char *data, const int *fd,
		       struct error **error)
{
	union {
		struct cmsghdr part;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.part = {.cmsg_len = CMSG_LEN(sizeof(int)),
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS}};
	struct iovec parts[] = {{packet, sizeof(*packet)}, {data, packet->length}};
	struct msghdr header = {.msg_iov = parts, .msg_iovlen = packet->length ? 2 : 1};

	if (fd) {
		memcpy(CMSG_DATA(&control.part), fd, sizeof(*fd));
		header.msg_control = &control;
		header.msg_controllen = sizeof(control);
	}
	while (sendmsg(channel->socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			return error_set(error, errno, "sending %s", message_forms[packet->kind].name);
		if (errno != EINTR && wait_to_send(channel, error))
			return -1;
	}
	return 0;
}

int channel_send(struct channel *channel, const struct message *message, struct error **error)
{
	const struct message_form *form = &message_forms[message->kind];
	struct wire_writer writer = {0};
	_cleanup_free_ char *bytes = NULL;
	size_t sent = 0;
	int result = message_encode(message, &writer, error);

	bytes = writer.data;
	while (!result) {
		size_t left = writer.length - sent, length = left < PACKET_BYTES ? left : PACKET_BYTES;
		struct packet packet = {.kind = (uint8_t)message->kind, .length = (uint32_t)length};
		packet.flags = (uint8_t)((sent ? 0 : PACKET_FIRST) | (length == left ? PACKET_LAST : 0));
		result = send_packet(channel, &packet, bytes ? bytes + sent : NULL,
				     form->descriptor ? &message->fd : NULL, error);
		sent += length;
		if (packet.flags & PACKET_LAST)
			break;
	}
	return result;
}
