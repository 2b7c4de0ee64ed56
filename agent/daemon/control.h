/* The control socket: by which `proctor status`, `health`, `findings` and `dead-letters` ask a running
 * agent.
 *
 * Who connects sends one line, a question and what it is about, and gets a line of JSON `{"length":N}` or
 * `{"error":…}`, then N bytes. Only root and the agent's own user are answered (SO_PEERCRED, unix(7)). */
#ifndef AGENT_DAEMON_CONTROL_H
#define AGENT_DAEMON_CONTROL_H

#include <stddef.h>

#include "proctor/error.h"

struct control;

/* The answer to a question, owned by the caller, in *length bytes; NULL and *error. Called by any thread. */
typedef char *(*control_answer)(void *context, const char *question, size_t *length, struct error **error);

/* Listens at the path, whose old socket, where nobody listens any more, is replaced. A few connections are
 * answered at once, each within seconds. NULL and *error. */
struct control *control_start(const char *path, control_answer answer, void *context, struct error **error);
void control_stop(struct control *control);

/* Asks the agent that listens at the path. The answer is the caller's, with a NUL behind its *length bytes.
 * NULL and *error: errno (error_number) is ENOENT or ECONNREFUSED when no agent runs there. */
char *control_ask(const char *path, const char *question, size_t *length, struct error **error);

#endif
