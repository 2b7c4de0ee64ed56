#include "proctor/version.h"

const char proctor_version[] = PACKAGE_VERSION;
const char proctor_libraries[] = PROCTOR_LIBRARIES;
