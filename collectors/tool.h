/* Which programs are tools that an attacker goes on with: by their names, and by what they are. */
#ifndef COLLECTORS_TOOL_H
#define COLLECTORS_TOOL_H

#include <stdbool.h>
#include <stdint.h>

/* The kinds of tool (enum tool_kind) that a file of that name is; 0: none. A version behind the name does not
 * matter (`gcc-12`, `pip3`), nor does the machine that a compiler is for (`x86_64-linux-gnu-gcc-12`). */
uint32_t tool_kinds(const char *name);

/* True for a name that tool_kinds knows. */
bool tool_is_named(const char *name);

/* Whether a tool at an absolute path is there for whoever calls it by its name. What a package keeps for
 * itself, outside of every `bin` and `sbin`, is not. */
bool tool_is_callable(const char *path);

/* Whether what the kernel would execute is in the open regular file: an ELF program or a script. `proc` is
 * where procfs is mounted; `descriptor` may be O_PATH. 1, 0, or -1 with errno when it may not be read. */
int tool_is_program(const char *proc, int descriptor);

#endif
