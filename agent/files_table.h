/* The table of `proctor files`. */
#ifndef AGENT_FILES_TABLE_H
#define AGENT_FILES_TABLE_H

#include "proctor/output.h"
#include "proctor/snapshot.h"

enum { MODE_TEXT_SIZE = 11, FILE_CAPABILITY_TEXT_SIZE = 4096 };

/* The mode as ls(1) writes it: `-rwsr-xr-x`. Returns `text`. */
const char *mode_text(uint32_t mode, char text[MODE_TEXT_SIZE]);

/* A file's capabilities as setcap(8) takes them: `net_raw=ep`, `chown,fowner=ep kill=i`, `all=ep` for those
 * up to `last`; `[rootid=N]` behind them in version 3. Returns `text`; "" for a file that has none. */
const char *file_capability_text(const struct file_capability *capability, unsigned last,
				 char text[FILE_CAPABILITY_TEXT_SIZE]);

/* Prints the snapshot's files, one a line; *left_out: how many columns had no room on the terminal. -1 and
 * *error when memory is exhausted. */
int files_table_print(const struct snapshot *snapshot, struct output *output, size_t *left_out,
		      struct error **error);

#endif
