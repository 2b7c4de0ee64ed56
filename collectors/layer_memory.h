/* What layers of images had when they were walked, remembered for the next time.
 *
 * A layer is believed to be as it was when the directory it lies in, each directory in it, and each file that
 * was kept of it, have the inode number and the change time that they had. So whatever is added, removed or
 * replaced is noticed, and whatever becomes of a file that was kept. What is not: that a file which was not
 * kept becomes one to be kept without being replaced, as by chmod(1) in the layer's own directory. Only root
 * of the host can do that, since layers that others get to are not remembered, and overlayfs does not allow
 * it while the layer is mounted. */
#ifndef COLLECTORS_LAYER_MEMORY_H
#define COLLECTORS_LAYER_MEMORY_H

#include "collectors/layer.h"

/* Reads what layer_memory_write wrote, by the same Proctor since the same boot of the machine, into
 * layers->remembered. 0; 1 with *why: none of it is believed; -1: no memory. */
int layer_memory_read(struct layers *layers, struct bytes memory, const char *boot, const char **why);

/* Gives the open layer, from what is remembered, what a walk would. False when it is not remembered, or has
 * changed. */
bool layer_recall(struct layers *layers, struct layer *layer);

/* Writes the layers that were met and can be remembered, and those of the last time that were not met so
 * often as to be forgotten, into memory of the arena. None when nothing is new. -1: no memory. */
int layer_memory_write(const struct layers *layers, const char *boot, struct bytes *memory);

#endif
