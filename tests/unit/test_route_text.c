#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "collectors/route_text.h"

#define HEAD "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"

static uint32_t metadata(void)
{
	return htonl(0xA9FEA9FE);
}

/* A line as the kernel writes it; numbers in the machine's order of bytes. */
static const char *line(const char *interface, uint32_t destination, unsigned flags, unsigned metric,
			uint32_t mask)
{
	static char lines[8][128];
	static unsigned next;
	char *text = lines[next++ % 8];

	snprintf(text, sizeof(lines[0]), "%s\t%08X\t%08X\t%04X\t0\t0\t%u\t%08X\t0\t0\t0   \n", interface,
		 htonl(destination), 0u, flags, metric, htonl(mask));
	return text;
}

static enum route_state found(const char *first, const char *second)
{
	char text[512];

	snprintf(text, sizeof(text), "%s%s%s", HEAD, first, second);
	return route_find(text, strlen(text), metadata());
}

static void test_routes(void **state)
{
	const char *way = line("eth0", 0, 0x3, 0, 0);
	const char *link = line("eth0", 0xA9FE0000, 0x1, 0, 0xFFFF0000);
	const char *blackhole = line("*", 0xA9FEA9FE, 0x5, 0, 0xFFFFFFFF);
	const char *unreachable = line("*", 0xA9FE0000, 0x201, 0, 0xFFFF0000);

	(void)state;
	assert_int_equal(found("", ""), ROUTE_NONE);
	assert_int_equal(found(line("eth0", 0xAC110000, 0x1, 0, 0xFFFF0000), ""), ROUTE_NONE);
	assert_int_equal(found(way, ""), ROUTE_OPEN);
	assert_int_equal(found(link, ""), ROUTE_OPEN);
	assert_int_equal(found(way, blackhole), ROUTE_BLOCKED);
	assert_int_equal(found(blackhole, way), ROUTE_BLOCKED);
	assert_int_equal(found(unreachable, way), ROUTE_BLOCKED);
	assert_int_equal(found(line("*", 0, 0x201, 0, 0), link), ROUTE_OPEN); /* the longer prefix */
	assert_int_equal(found(line("eth0", 0, 0x2, 0, 0), ""), ROUTE_NONE);  /* it is not up */
}

static void test_the_least_metric_decides(void **state)
{
	(void)state;
	assert_int_equal(found(line("*", 0, 0x201, 5, 0), line("eth0", 0, 0x3, 100, 0)), ROUTE_BLOCKED);
	assert_int_equal(found(line("*", 0, 0x201, 500, 0), line("eth0", 0, 0x3, 100, 0)), ROUTE_OPEN);
}

static void test_nonsense(void **state)
{
	static const char *const texts[] = {
		"",
		"\n\n",
		"\t\t\t\t\t\t\t\t",
		"eth0\t0\n",
		"eth0\tx\ty\tz\n",
		"eth0\t00000000\t00000000\t0003\t0\t0\t0\n", /* cut before the mask */
		"eth0\t00000000\t00000000\t-3\t0\t0\t0\t00000000\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(route_find(texts[i], strlen(texts[i]), metadata()), ROUTE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_the_least_metric_decides),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests_name("route_text", tests, NULL, NULL);
}
