/* The network collector: how each container's network namespace routes what a task should not reach. Routes
 * are read, no packet is sent. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "collectors/carry.h"
#include "collectors/held.h"
#include "collectors/route_text.h"
#include "proctor/cleanup.h"
#include "proctor/collector.h"

enum { TEXT_LIMIT = 4 * 1024 * 1024, INSTANCE_METADATA = 0xA9FEA9FE /* 169.254.169.254 */ };

struct looking {
	struct snapshot *snapshot;
	const struct request *request;
	struct coverage *coverage;
	struct buffer buffer;
	int proc;
	const struct container **known; /* for each container what it was; NULL: nothing is taken over */
};

/* What another container of the same namespace was found to have; NULL: none was looked at. */
static const struct container *neighbour(const struct snapshot *snapshot, size_t index)
{
	uint64_t inode = snapshot->containers[index]->init->namespaces[NAMESPACE_NET];

	for (size_t i = 0; inode && i < index; i++) {
		const struct container *other = snapshot->containers[i];
		if (other->init && other->init->namespaces[NAMESPACE_NET] == inode && other->imds_route)
			return other;
	}
	return NULL;
}

static enum route_state read_routes(struct looking *looking, const struct process *init)
{
	_cleanup_held_ struct held held;
	enum route_state state;

	if (held_begin(&held, looking->snapshot, looking->proc, init) ||
	    buffer_read(&looking->buffer, held.directory, "net/route", TEXT_LIMIT) != 0)
		return ROUTE_UNKNOWN;
	state = route_find(looking->buffer.data, looking->buffer.length, htonl(INSTANCE_METADATA));
	return held_is_same(&held) ? state : ROUTE_UNKNOWN;
}

/* What the container at `index` was found to have the last time, in the same namespace; NULL: it is to be
 * read. */
static const struct container *unchanged(const struct looking *looking, size_t index)
{
	const struct container *was = looking->known ? looking->known[index] : NULL;
	const struct container *is = looking->snapshot->containers[index];

	return was && was->imds_route && carry_has_same_init(was, is) &&
			       was->init->namespaces[NAMESPACE_NET] == is->init->namespaces[NAMESPACE_NET]
		       ? was
		       : NULL;
}

static void look(struct looking *looking, size_t index)
{
	struct container *container = looking->snapshot->containers[index];
	const struct container *other = unchanged(looking, index);
	char example[64];

	if (!other)
		other = neighbour(looking->snapshot, index);
	container->imds_route = other ? other->imds_route : read_routes(looking, container->init);
	if (container->imds_route) {
		looking->coverage->seen++;
		return;
	}
	looking->coverage->missed++;
	snprintf(example, sizeof(example), "%s/%d/net/route", looking->request->proc,
		 (int)container->init->pid);
	coverage_note(
		looking->coverage, looking->snapshot->arena,
		"the routes of a container cannot be read: whether it reaches the instance's metadata is "
		"not known",
		example, "run as root");
}

static int collect(struct snapshot *snapshot, const struct request *request, struct coverage *coverage,
		   struct error **error)
{
	struct looking looking = {.snapshot = snapshot, .request = request, .coverage = coverage};
	_cleanup_close_ int proc = open(request->proc, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (proc < 0)
		return error_set(error, errno, "opening %s", request->proc);
	looking.proc = proc;
	if (carry_can(request, "network")) {
		looking.known = carry_find_containers(snapshot, request->previous);
		if (!looking.known)
			return error_set(error, ENOMEM, "reading routes of containers");
	}
	for (size_t i = 0; i < snapshot->container_count; i++)
		if (snapshot->containers[i]->init)
			look(&looking, i);
	buffer_free(&looking.buffer);
	return 0;
}

const struct collector collector_network = {
	.name = "network",
	.description = "whether each container's routes lead to the instance's metadata",
	.collect = collect,
};
