/* The text of /proc/PID/net/route: the IPv4 routes of a network namespace (proc_pid_net(5);
 * net/ipv4/fib_trie.c, fib_route_seq_show). */
#ifndef COLLECTORS_ROUTE_TEXT_H
#define COLLECTORS_ROUTE_TEXT_H

#include "proctor/snapshot.h"

/* How the main table routes `address`, in network byte order: by the longest prefix, and of several by the
 * least metric. Routing rules (ip-rule(8)) are not in it. */
enum route_state route_find(const char *text, size_t length, uint32_t address);

#endif
