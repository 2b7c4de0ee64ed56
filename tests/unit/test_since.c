#include "tests/unit/store.h"
int main(void)
{
	return 0;
}
