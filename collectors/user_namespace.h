/* User namespaces, each read once through the first process that is met in it. */
#ifndef COLLECTORS_USER_NAMESPACE_H
#define COLLECTORS_USER_NAMESPACE_H

#include <pthread.h>

#include "collectors/process_reader.h"

/* Those met so far, shared by all readers. Made by user_namespace_table_init, freed by
 * user_namespace_table_free. */
struct user_namespace_table {
	pthread_mutex_t lock;
	struct user_namespace **list; /* in the readers' arenas */
	size_t count, capacity;
};

void user_namespace_table_init(struct user_namespace_table *table);
void user_namespace_table_free(struct user_namespace_table *table);

/* Adds one that is known already; not while there are readers. -1: no memory. */
int user_namespace_table_add(struct user_namespace_table *table, struct user_namespace *space);

/* The one of that inode; NULL: it was not met yet, or the inode is 0. */
const struct user_namespace *user_namespace_find(struct user_namespace_table *table, uint64_t inode);

/* Sets process->user_namespace. Where the link may not be read, the maps, which are world readable, still
 * tell whether it is the initial one. */
void user_namespace_read(struct process_reader *reader, int directory, struct process *process);

#endif
