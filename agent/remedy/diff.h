/* Unified diffs. */
#ifndef AGENT_REMEDY_DIFF_H
#define AGENT_REMEDY_DIFF_H

/* What changes `before` into `after`, line by line, as diff -u prints it with three lines around each change;
 * "" when they are the same. A shortest one, unless they differ in more lines than is worth the time. Owned
 * by the caller; NULL when memory is exhausted. */
char *diff_unified(const char *before_name, const char *before, const char *after_name, const char *after);

#endif
