/* What the three processes of the agent say to each other: a few kinds of messages, each with its own bound,
 * over pairs of SOCK_SEQPACKET sockets (unix(7)).
 *
 * Whoever receives takes the other side for hostile: a kind that this side does not expect, a length, number
 * or text that does not fit, is an error, after which the channel is of no more use. No message names a path,
 * an address or a command. */
#ifndef AGENT_DAEMON_MESSAGE_H
#define AGENT_DAEMON_MESSAGE_H

#include "proctor/arena.h"
#include "proctor/learned.h"
#include "proctor/pass.h"
#include "proctor/text.h"

/* Bounds of a pass beside those of its texts (message_form.c). One that does not keep to them is not sent. */
enum {
	MESSAGE_FINDINGS_MAX = 10000,
	MESSAGE_FINDING_BYTES = 1024 * 1024, /* of JSON */
	MESSAGE_SUMMARY_BYTES = 1024 * 1024,
	MESSAGE_SEEN_BYTES = 16 * 1024 * 1024, /* 200,000 containers with ids of 64 digits */
	MESSAGE_PASS_BYTES = 64 * 1024 * 1024,
	MESSAGE_INVENTORY_BYTES = 32 * 1024 * 1024,
	MESSAGE_LEARNED_BYTES = 16 * 1024 * 1024, /* also of the history that it is answered by */
	MESSAGE_LEARNED_MAX = 16384,              /* containers of one message */
	MESSAGE_EXECUTABLES_MAX = 8,              /* of a capability; the others are left out */
};

enum message_kind {
	MESSAGE_READY,  /* auditor to shipper: JSON of the privilege that is in force and of the event sources
			 */
	MESSAGE_ASK,    /* auditor to shipper: fetch the documents of these endpoints */
	MESSAGE_ANSWER, /* shipper to auditor: one of them */
	MESSAGE_PASS,   /* auditor to shipper; many packets, one message for who receives it */
	MESSAGE_INVENTORY, /* auditor to shipper: JSON of everything, as the members of record_inventory */
	MESSAGE_COUNTERS, /* auditor to shipper: of events, since it started; to the parent: a sign of life */
	MESSAGE_CONFINED, /* shipper to parent, auditor to parent: the JSON of MESSAGE_READY; it is ready */
	MESSAGE_LEARNED,  /* auditor to shipper: what was learned of containers since it was told last */
	MESSAGE_HISTORY,  /* shipper to auditor: what is kept of their images, now that this is among it */
	MESSAGE_AGAIN,    /* shipper to auditor: tell everything whole, what was told before is not known */
	MESSAGE_PEER,     /* parent to auditor or shipper: a descriptor, the other one was started anew */
	MESSAGE_KINDS
};

/* Kinds as a set, for what a side accepts. */
#define MESSAGE_BIT(kind) (1u << (kind))

/* What auditor and shipper tell each other. */
#define MESSAGES_OF_AUDITOR                                                                                  \
	(MESSAGE_BIT(MESSAGE_READY) | MESSAGE_BIT(MESSAGE_ASK) | MESSAGE_BIT(MESSAGE_PASS) |                 \
	 MESSAGE_BIT(MESSAGE_COUNTERS) | MESSAGE_BIT(MESSAGE_INVENTORY) | MESSAGE_BIT(MESSAGE_LEARNED))
#define MESSAGES_OF_SHIPPER                                                                                  \
	(MESSAGE_BIT(MESSAGE_ANSWER) | MESSAGE_BIT(MESSAGE_AGAIN) | MESSAGE_BIT(MESSAGE_HISTORY))

struct message_counters {
	uint64_t events, overruns, passes, full_passes;
	uint64_t unread;                     /* processes that ended before they could be read */
	uint64_t checks;                     /* of capabilities, that were counted for containers */
	uint64_t checks_lost, checks_unseen; /* for which there was no room; by whom came and went too soon */
};

struct message {
	enum message_kind kind;
	struct arena *arena; /* of a received one: all it points to */
	union {
		struct bytes json;  /* READY, CONFINED: at most 16 KiB; INVENTORY: at most
				       MESSAGE_INVENTORY_BYTES */
		uint32_t endpoints; /* ASK: a bit for each enum endpoint */
		struct {
			uint32_t endpoint; /* enum endpoint */
			uint32_t fault;    /* enum fetch_fault */
			int32_t number;
			struct bytes body; /* at most FETCH_BYTES */
		} answer;
		struct pass pass;
		struct message_counters counters;
		struct {
			const struct learned_container *list;
			size_t count;
		} learned;
		struct {
			const struct learned_history *list;
			size_t count;
		} history;
		int fd; /* PEER; of a received one the receiver's to close */
	};
};

struct channel;

/* A connected pair of sockets, close-on-exec. -1 and *error. */
int channel_pair(int sockets[2], struct error **error);

/* A channel on the socket, which it owns from now on; it takes messages of the kinds of `accepted` only. NULL
 * and *error when memory is exhausted. */
struct channel *channel_new(int socket, uint32_t accepted, struct error **error);
void channel_free(struct channel *channel);
int channel_socket(const struct channel *channel); /* for poll(2) */

/* Sends the message, waiting while the other side is slow; what comes meanwhile is kept for channel_receive,
 * so that two who send to each other do not wait for ever. Names that are not safe text (text_is_safe) are
 * sent as text_escape writes them, cut at their bound. -1 and *error when there is no other side any more, or
 * when the message does not fit its bounds (EMSGSIZE; nothing was sent). */
int channel_send(struct channel *channel, const struct message *message, struct error **error);

/* Receives what waits, without blocking. 1: *message is a whole one, to be freed by message_free; 0: none is
 * whole yet; -1 and *error: the other side has gone, or does not keep to the rules. To be called until it
 * answers 0: what channel_send has taken in meanwhile, poll(2) does not tell. */
int channel_receive(struct channel *channel, struct message **message, struct error **error);

/* Frees a received message and all it points to, but does not close its descriptor. NULL is allowed. */
void message_free(struct message *message);

/* Whether what was seen of containers fits one message. Whoever sends it without them sends no finding of
 * them either. */
bool message_fits_seen(const struct pass *pass);

/* How many of the pass's findings, from the first on, fit one message with all else of it. Whoever sends
 * fewer than there are marks the pass as truncated. */
size_t message_fitting(const struct pass *pass);

#endif
