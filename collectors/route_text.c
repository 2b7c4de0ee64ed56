#include "collectors/route_text.h"

#include <net/route.h>
#include <string.h>

#include "collectors/read.h"

/* One line: Iface Destination Gateway Flags RefCnt Use Metric Mask …, parted by tabs. */
struct route {
	bool without_interface; /* `*`: a blackhole, unreachable or prohibited route */
	uint64_t destination, flags, metric, mask;
};

enum { INTERFACE, DESTINATION, GATEWAY, FLAGS, REFERENCES, USE, METRIC, MASK, FIELDS };

static bool parse(const char *line, size_t length, struct route *route)
{
	static const unsigned bases[FIELDS] = {
		[DESTINATION] = 16, [GATEWAY] = 16, [FLAGS] = 16, [REFERENCES] = 10,
		[USE] = 10,         [METRIC] = 10,  [MASK] = 16};
	const char *cursor = memchr(line, '\t', length), *end = line + length;
	uint64_t values[FIELDS];

	route->without_interface = length && line[0] == '*';
	for (unsigned field = DESTINATION; field < FIELDS; field++) {
		while (cursor && cursor < end && (*cursor == '\t' || *cursor == ' '))
			cursor++;
		if (!cursor || !text_read_number(&cursor, end, bases[field], &values[field]))
			return false;
	}
	route->destination = values[DESTINATION];
	route->flags = values[FLAGS];
	route->metric = values[METRIC];
	route->mask = values[MASK];
	return true;
}

/* A mask's length, whatever the machine's order of bytes. */
static int prefix_length(const struct route *route)
{
	return __builtin_popcountll(route->mask);
}

static bool is_better(const struct route *route, const struct route *best)
{
	int length = prefix_length(route), other = prefix_length(best);

	return length > other || (length == other && route->metric < best->metric);
}

enum route_state route_find(const char *text, size_t length, uint32_t address)
{
	const char *cursor = text, *line;
	struct route best = {0}, route;
	bool found = false;
	size_t size;

	while (line_next(&cursor, text + length, &line, &size)) {
		if (!parse(line, size, &route) || !(route.flags & RTF_UP) ||
		    (address & route.mask) != route.destination || (found && !is_better(&route, &best)))
			continue;
		best = route;
		found = true;
	}
	if (!found)
		return ROUTE_NONE;
	return best.without_interface || (best.flags & RTF_REJECT) ? ROUTE_BLOCKED : ROUTE_OPEN;
}
