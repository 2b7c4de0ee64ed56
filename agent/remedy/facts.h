/* What a plan needs to know of its container, and the questions that follow from it. */
#ifndef AGENT_REMEDY_FACTS_H
#define AGENT_REMEDY_FACTS_H

#include "proctor/plan.h"

/* True for a path or name that every target can write as it is: no control characters, no bytes that are not
 * UTF-8, and none of the characters by which a shell, YAML, Compose or an option is parted. */
bool is_plain(const char *text);

/* Adds a path once, if it is plain. -1 when memory is exhausted. */
int path_list_add(struct path_list *list, const char *path, struct arena *arena);
bool path_list_has(const struct path_list *list, const char *path);

/* Fills plan->facts.name: what a fragment calls the container. -1 when memory is exhausted. */
int facts_gather_name(struct plan *plan, struct arena *arena);

/* Fills plan->facts but for what comes from its findings. -1 when memory is exhausted. */
int facts_gather(struct plan *plan, const struct snapshot *snapshot, struct arena *arena);

/* The kind of tool that a rule is about; 0: none. */
uint32_t facts_tool_kind(const char *rule);
/* True when the container runs one of its tools of that kind. */
bool facts_tool_in_use(const struct container *container, uint32_t kind);
/* How many paths its tools of that kind have at most. */
size_t facts_tool_paths(const struct container *container, uint32_t kind);
/* True when all paths of its tools of that kind are plain. */
bool facts_tools_are_plain(const struct container *container, uint32_t kind);

/* The question of a change; *question is NULL when there is nothing to ask. -1 when memory is exhausted. */
int facts_question(const struct plan *plan, enum change_kind kind, struct arena *arena,
		   const char **question);

#endif
