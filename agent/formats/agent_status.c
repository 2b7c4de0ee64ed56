#include "proctor/record.h"

const char *const agent_statuses[] = {"opened", "changed", "resolved", "suppressed", NULL};
