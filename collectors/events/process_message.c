#include "collectors/events/process_message.h"

#include <endian.h>
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <string.h>

#include "proctor/text.h"

/* Where things lie in a datagram: a netlink header, a connector's header, the event. */
enum {
	CONNECTOR_AT = NLMSG_HDRLEN,
	EVENT_AT = CONNECTOR_AT + sizeof(struct cn_msg),
	DATA_AT = EVENT_AT + offsetof(struct proc_event, event_data),
	/* The longest of the events that are told; the kernel sends more, and may send yet more. */
	EVENT_NEEDED = offsetof(struct proc_event, event_data) + sizeof(struct id_proc_event),
};

enum { ERRNO_MAX = 4095 };

_Static_assert(EVENT_AT == 36 && DATA_AT == 52, "the layout of linux/cn_proc.h");

/* ---- asking ------------------------------------------------------------------------------------ */

size_t process_message_listen(unsigned char message[PROCESS_MESSAGE_SIZE], uint32_t mark)
{
	const uint32_t operation = PROC_CN_MCAST_LISTEN;
	const struct nlmsghdr header = {.nlmsg_len = EVENT_AT + sizeof(operation), .nlmsg_type = NLMSG_DONE};
	const struct cn_msg connector = {
		.id = {CN_IDX_PROC, CN_VAL_PROC}, .ack = mark, .len = sizeof(operation)};

	memcpy(message, &header, sizeof(header));
	memcpy(message + CONNECTOR_AT, &connector, sizeof(connector));
	memcpy(message + EVENT_AT, &operation, sizeof(operation));
	return header.nlmsg_len;
}

/* ---- taking apart ------------------------------------------------------------------------------ */

/* Takes the next message of the connector from a datagram; what is left of it is `rest`. False when there is
 * none, or one whose lengths do not agree. */
static bool next_message(struct bytes *rest, struct cn_msg *connector, struct proc_event *event)
{
	struct nlmsghdr header;
	size_t size, padded;

	if (rest->length < EVENT_AT + EVENT_NEEDED)
		return false;
	memcpy(&header, rest->data, sizeof(header));
	memcpy(connector, rest->data + CONNECTOR_AT, sizeof(*connector));
	if (header.nlmsg_len > rest->length || header.nlmsg_len < EVENT_AT + EVENT_NEEDED ||
	    connector->len < EVENT_NEEDED || connector->len > header.nlmsg_len - EVENT_AT)
		return false;
	size = connector->len < sizeof(*event) ? connector->len : sizeof(*event);
	memset(event, 0, sizeof(*event));
	memcpy(event, rest->data + EVENT_AT, size);
	padded = NLMSG_ALIGN((size_t)header.nlmsg_len);
	padded = padded < rest->length ? padded : rest->length;
	*rest = (struct bytes){rest->data + padded, rest->length - padded};
	return header.nlmsg_type == NLMSG_DONE && connector->id.idx == CN_IDX_PROC &&
	       connector->id.val == CN_VAL_PROC;
}

bool process_message_answers(const void *datagram, size_t length, uint32_t mark, int *number)
{
	struct bytes rest = {datagram, length};
	struct cn_msg connector;
	struct proc_event event;

	while (next_message(&rest, &connector, &event))
		if ((uint32_t)event.what == PROC_EVENT_NONE && connector.ack == mark + 1) {
			uint32_t told = event.event_data.ack.err;
			*number = told <= ERRNO_MAX ? (int)told : EPROTO;
			return true;
		}
	return false;
}

/* False for what is no event of a process. */
static bool translate(const struct proc_event *from, struct event *event)
{
	const struct fork_proc_event *fork = &from->event_data.fork;
	const struct id_proc_event *ids = &from->event_data.id;
	const struct exit_proc_event *exit = &from->event_data.exit;

	switch ((uint32_t)from->what) {
	case PROC_EVENT_FORK:
		*event = (struct event){
			.kind = EVENT_FORK, .pid = fork->child_tgid, .parent = fork->parent_tgid};
		return fork->child_pid == fork->child_tgid && event->pid > 0;
	case PROC_EVENT_EXEC:
		*event = (struct event){.kind = EVENT_EXEC, .pid = from->event_data.exec.process_tgid};
		return event->pid > 0;
	case PROC_EVENT_UID:
	case PROC_EVENT_GID:
		*event = (struct event){.kind = EVENT_IDS,
					.pid = ids->process_tgid,
					.groups = (uint32_t)from->what == PROC_EVENT_GID,
					.real_id = ids->r.ruid,
					.effective_id = ids->e.euid};
		return event->pid > 0;
	case PROC_EVENT_EXIT:
		*event = (struct event){.kind = EVENT_EXIT, .pid = exit->process_tgid};
		return exit->process_pid == exit->process_tgid && event->pid > 0;
	default:
		return false;
	}
}

void process_message_tell(const void *datagram, size_t length, event_handler handler, void *context)
{
	struct bytes rest = {datagram, length};
	struct cn_msg connector;
	struct proc_event from;
	struct event event;

	while (next_message(&rest, &connector, &from))
		if (translate(&from, &event))
			handler(context, &event);
}

/* ---- filtering in the kernel ------------------------------------------------------------------- */

/* Words are loaded as big-endian (Documentation/networking/filter.rst), so constants are turned. */
#if __BYTE_ORDER == __LITTLE_ENDIAN
#define LOADED(word) __builtin_bswap32((uint32_t)(word))
#else
#define LOADED(word) ((uint32_t)(word))
#endif
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define MOVE_TO_X BPF_STMT(BPF_MISC | BPF_TAX, 0)
#define IF_IS(what, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LOADED(what), then, otherwise)
#define IF_IS_X(then, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, then, otherwise)
#define ANSWER(bytes) BPF_STMT(BPF_RET | BPF_K, bytes)

/* The members of fork's and exit's events that are alike for the leader of a process. */
enum {
	FORK_PID_AT = DATA_AT + offsetof(struct fork_proc_event, child_pid),
	FORK_TGID_AT = DATA_AT + offsetof(struct fork_proc_event, child_tgid),
	EXIT_PID_AT = DATA_AT + offsetof(struct exit_proc_event, process_pid),
	EXIT_TGID_AT = DATA_AT + offsetof(struct exit_proc_event, process_tgid),
};

/* clang-format off */
static struct sock_filter filter[] = {
	/*  0 */ LOAD(EVENT_AT + offsetof(struct proc_event, what)),
	/*  1 */ IF_IS(PROC_EVENT_NONE, 13, 0),
	/*  2 */ IF_IS(PROC_EVENT_EXEC, 12, 0),
	/*  3 */ IF_IS(PROC_EVENT_UID, 11, 0),
	/*  4 */ IF_IS(PROC_EVENT_GID, 10, 0),
	/*  5 */ IF_IS(PROC_EVENT_FORK, 1, 0),
	/*  6 */ IF_IS(PROC_EVENT_EXIT, 4, 9),
	/*  7 */ LOAD(FORK_PID_AT),
	/*  8 */ MOVE_TO_X,
	/*  9 */ LOAD(FORK_TGID_AT),
	/* 10 */ IF_IS_X(4, 5),
	/* 11 */ LOAD(EXIT_PID_AT),
	/* 12 */ MOVE_TO_X,
	/* 13 */ LOAD(EXIT_TGID_AT),
	/* 14 */ IF_IS_X(0, 1),
	/* 15 */ ANSWER(UINT32_MAX),
	/* 16 */ ANSWER(0),
};
/* clang-format on */

const struct sock_fprog process_message_filter = {sizeof(filter) / sizeof(filter[0]), filter};
