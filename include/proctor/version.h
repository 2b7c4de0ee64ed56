/* What this build is. */
#ifndef PROCTOR_VERSION_H
#define PROCTOR_VERSION_H

extern const char proctor_version[];   /* `0.1.0` */
extern const char proctor_libraries[]; /* what it was built with: `libcap-ng 0.8.3, libproc2 4.0.2, …` */

#endif
