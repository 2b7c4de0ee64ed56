/* Messages of the kernel's process connector (linux/cn_proc.h, drivers/connector/cn_proc.c). */
#ifndef COLLECTORS_EVENTS_PROCESS_MESSAGE_H
#define COLLECTORS_EVENTS_PROCESS_MESSAGE_H

#include <linux/filter.h>

#include "proctor/event.h"

/* As long as any message can be; all that are known have 76 bytes. */
enum { PROCESS_MESSAGE_SIZE = 256 };

/* Writes the message that asks for events, with `mark`, by which its answer is known, into `message`. Returns
 * its length. */
size_t process_message_listen(unsigned char message[PROCESS_MESSAGE_SIZE], uint32_t mark);

/* True when a datagram answers that message; *number is the errno of the answer, 0 for yes. */
bool process_message_answers(const void *datagram, size_t length, uint32_t mark, int *number);

/* Calls `handler` with each event of a datagram that is of a process. What it does not know, threads, and
 * what is cut or malformed is passed over. */
void process_message_tell(const void *datagram, size_t length, event_handler handler, void *context);

/* A socket filter that lets only those messages through that process_message_tell tells, and answers: the
 * same choice, made before the reader is woken and its buffer is filled. */
extern const struct sock_fprog process_message_filter;

#endif
