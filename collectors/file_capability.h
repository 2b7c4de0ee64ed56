/* Capabilities of files: the attribute security.capability (capabilities(7)). */
#ifndef COLLECTORS_FILE_CAPABILITY_H
#define COLLECTORS_FILE_CAPABILITY_H

#include "proctor/snapshot.h"

enum { FILE_CAPABILITY_SIZE = 64 }; /* more than any version has */

/* The attribute's value, as the kernel takes it (get_vfs_caps_from_disk in security/commoncap.c). A length or
 * a version that it would refuse is FILE_CAPABILITY_NOT_UNDERSTOOD. */
struct file_capability file_capability_parse(const void *data, size_t length);

#endif
