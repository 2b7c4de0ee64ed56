/* What kind of file system a type of mountinfo is. */
#ifndef COLLECTORS_FILESYSTEM_TYPE_H
#define COLLECTORS_FILESYSTEM_TYPE_H

enum filesystem_kind {
	FILESYSTEM_LOCAL,  /* files on a disk or in memory of this machine: always answers */
	FILESYSTEM_KERNEL, /* the kernel's own, like proc: always answers, holds no programs */
	FILESYSTEM_OTHER,  /* of the network, FUSE, or not known: may never answer */
};

enum filesystem_kind filesystem_kind(const char *type);

#endif
