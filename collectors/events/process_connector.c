/* The kernel's process connector: forks, programs, ids and ends of all processes of the machine.
 *
 * The kernel heeds a subscription only from the first network, pid and user namespace; elsewhere it refuses
 * or is silent. So the answer is waited for. Linux 6.6 filters by kind itself (struct proc_input), but its
 * filter takes the answer for an event that was not asked for, and knows no threads: a socket filter does
 * both, on every kernel. */
#include <errno.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/cn_proc.h>

#include "collectors/events/process_message.h"
#include "collectors/events/sources.h"
#include "proctor/cleanup.h"

enum {
	ANSWER_WAIT = 200, /* milliseconds */
	/* Of which the kernel takes the double: about 10,000 events wait in it while the auditor is busy. */
	RECEIVE_BUFFER = 4 << 20,
	BATCH = 32,
	DISCARDED_A_CALL = 16 * EVENTS_A_CALL,
};

/* ---- opening ----------------------------------------------------------------------------------- */

static const char host_remedy[] =
	"give the agent the host's pid, user and network namespace (in a task: pidMode host, networkMode "
	"host), or let it look at processes more often";

static int64_t now_in_milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int refuse(int number, struct error **error)
{
	error_set(error, number, "listen to the process connector");
	return number == EPERM ? error_remedy(error, "before Linux 6.6 that needs CAP_NET_ADMIN") : -1;
}

/* A socket that has joined the group of listeners. */
static int open_socket(struct error **error)
{
	const struct sockaddr_nl listeners = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
	const int size = RECEIVE_BUFFER;
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);

	if (fd < 0)
		return error_set(error, errno, "open a netlink socket of the connector");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &process_message_filter,
		       sizeof(process_message_filter)) == 0 &&
	    bind(fd, (const struct sockaddr *)&listeners, sizeof(listeners)) == 0)
		return fd;
	refuse(errno, error);
	close(fd);
	return -1;
}

/* Receives one datagram, if it is the kernel's. 0: not; -1 with errno. */
static ssize_t receive(int fd, unsigned char datagram[PROCESS_MESSAGE_SIZE])
{
	struct sockaddr_nl from = {0};
	socklen_t length = sizeof(from);
	ssize_t got = recvfrom(fd, datagram, PROCESS_MESSAGE_SIZE, 0, (struct sockaddr *)&from, &length);

	return got > 0 && (length < sizeof(from) || from.nl_pid != 0) ? 0 : got;
}

/* Waits for the answer to `mark`. True: *number is what it says. */
static bool wait_for_answer(int fd, uint32_t mark, int *number)
{
	unsigned char datagram[PROCESS_MESSAGE_SIZE];
	int64_t end = now_in_milliseconds() + ANSWER_WAIT, left;

	while ((left = end - now_in_milliseconds()) > 0) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		if (poll(&wait, 1, (int)left) <= 0)
			continue;
		ssize_t got = receive(fd, datagram);
		if (got > 0 && process_message_answers(datagram, (size_t)got, mark, number))
			return true;
	}
	return false;
}

static int subscribe(int fd, struct error **error)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	/* Answers go to all listeners; one that asked in the same millisecond has another pid. */
	uint32_t mark = (uint32_t)now_in_milliseconds() * 2654435761U ^ (uint32_t)getpid();
	unsigned char message[PROCESS_MESSAGE_SIZE];
	size_t length = process_message_listen(message, mark);
	int number = 0;

	if (sendto(fd, message, length, 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0) {
		error_set(error, errno, "subscribe to the process connector");
		return error_remedy(error, "%s", host_remedy);
	}
	if (!wait_for_answer(fd, mark, &number)) {
		error_set(error, 0,
			  "the process connector does not answer: the kernel has none, or this is not the "
			  "first pid and user namespace");
		return error_remedy(error, "%s", host_remedy);
	}
	return number ? refuse(number, error) : 0;
}

static int open_connector(struct error **error)
{
	int fd = open_socket(error);

	if (fd >= 0 && subscribe(fd, error)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* ---- reading ----------------------------------------------------------------------------------- */

/* After a loss the kernel drops events without saying so until its queue was empty (NETLINK_S_CONGESTED in
 * net/netlink/af_netlink.c). So the loss is told when it is; what waited meanwhile is dropped as well, since
 * the audit that follows sees what became of it. */
struct reader {
	bool lost;
	unsigned char datagrams[BATCH][PROCESS_MESSAGE_SIZE];
};

static void *begin(int fd, struct error **error)
{
	struct reader *reader = calloc(1, sizeof(*reader));

	(void)fd;
	if (!reader)
		error_set(error, ENOMEM, "read the process connector");
	return reader;
}

/* Receives up to BATCH datagrams, and tells of them but not after a loss. How many; -1 with errno. */
static int read_batch(int fd, struct reader *reader, event_handler handler, void *context)
{
	struct sockaddr_nl from[BATCH] = {{0}};
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];

	for (size_t i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){reader->datagrams[i], sizeof(reader->datagrams[i])};
		messages[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &from[i],
							   .msg_namelen = sizeof(from[i]),
							   .msg_iov = &parts[i],
							   .msg_iovlen = 1}};
	}
	int count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; !reader->lost && i < count; i++)
		if (messages[i].msg_hdr.msg_namelen == sizeof(from[i]) && from[i].nl_pid == 0)
			process_message_tell(reader->datagrams[i], messages[i].msg_len, handler, context);
	return count;
}

static int read_connector(int fd, void *state, event_handler handler, void *context, struct error **error)
{
	struct reader *reader = state;

	for (int left = EVENTS_A_CALL; left > 0;) {
		int count = read_batch(fd, reader, handler, context);
		if (count >= 0) {
			left -= count;
		} else if (errno == ENOBUFS) {
			left = reader->lost ? left - 1 : DISCARDED_A_CALL;
			reader->lost = true;
		} else if (errno == EAGAIN) {
			if (reader->lost)
				handler(context, &(struct event){.kind = EVENT_OVERRUN});
			reader->lost = false;
			return 0;
		} else if (errno != EINTR) {
			return error_set(error, errno, "read the process connector");
		}
	}
	return 0;
}

const struct event_source event_source_process_connector = {
	.name = "process-connector",
	.what = "processes that start, run another program, change ids or end",
	.by_default = true,
	.open = open_connector,
	.poll = POLLIN,
	.begin = begin,
	.read = read_connector,
	.end = free,
};
