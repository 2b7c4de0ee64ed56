#include "agent/ps_rows.h"

static bool credentials_are_privileged(const struct credentials *credentials)
{
	for (unsigned kind = 0; kind < ID_COUNT; kind++)
		if (credentials->uid[kind] == 0)
			return true;
	return credentials->effective || credentials->permitted || credentials->ambient;
}

bool process_is_privileged(const struct process *process)
{
	if (process->kernel_thread)
		return false;
	for (size_t i = 0; i < process->differing_count; i++)
		if (credentials_are_privileged(&process->threads[i].credentials))
			return true;
	return credentials_are_privileged(&process->credentials);
}

/* A shown process in the tree: its children are the shown ones whose nearest shown ancestor it is. */
struct node {
	const struct process *process;
	struct node *first_child, *next_sibling;
};

struct rows {
	const struct snapshot *snapshot;
	const struct ps_selection *selection;
	struct arena *arena;
	struct ps_row *list;
	size_t count, capacity;
	struct node *nodes; /* of the shown processes, ascending by pid */
	size_t node_count;
	bool *last; /* for each level of the branch: is it the last child? */
};

static int rows_add(struct rows *rows, const struct process *process, const struct thread *thread,
		    const char *branch)
{
	struct ps_row *grown =
		arena_grow(rows->arena, rows->list, rows->count, &rows->capacity, sizeof(*grown));

	if (!grown)
		return -1;
	rows->list = grown;
	grown[rows->count++] = (struct ps_row){.process = process, .thread = thread, .branch = branch};
	return 0;
}

static int rows_add_process(struct rows *rows, const struct process *process, const char *branch)
{
	if (rows_add(rows, process, NULL, branch))
		return -1;
	for (size_t i = 0; rows->selection->threads && i < process->differing_count; i++)
		if (rows_add(rows, process, &process->threads[i], branch))
			return -1;
	return 0;
}

static struct node *find_node(const struct rows *rows, pid_t pid)
{
	size_t low = 0, high = rows->node_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (rows->nodes[middle].process->pid == pid)
			return &rows->nodes[middle];
		if (rows->nodes[middle].process->pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* The nearest ancestor that is shown. The way up is bounded: what was read at different times could go in a
 * circle. */
static struct node *find_parent(const struct rows *rows, const struct process *process)
{
	for (size_t steps = 0; steps < rows->snapshot->process_count; steps++) {
		struct node *node = process->ppid != process->pid ? find_node(rows, process->ppid) : NULL;
		if (node)
			return node;
		process = snapshot_process(rows->snapshot, process->ppid);
		if (!process)
			return NULL;
	}
	return NULL;
}

/* True when `node` is `above` or lies below it, so that hanging `above` under it would close a circle. */
static bool is_below(const struct rows *rows, const struct node *node, const struct node *above)
{
	const struct process *process = node->process;

	for (size_t steps = 0; process && steps <= rows->snapshot->process_count; steps++) {
		if (process == above->process)
			return true;
		process = snapshot_process(rows->snapshot, process->ppid);
	}
	return process != NULL;
}

/* Hangs every node under its parent, the roots under `top`; walked backwards, so that siblings ascend. */
static void link_nodes(struct rows *rows, struct node *top)
{
	for (size_t i = rows->node_count; i-- > 0;) {
		struct node *node = &rows->nodes[i], *parent = find_parent(rows, node->process);
		if (!parent || is_below(rows, parent, node))
			parent = top;
		node->next_sibling = parent->first_child;
		parent->first_child = node;
	}
}

/* Adds the nodes below `top`, depth first, without recursion: a tree may be as deep as there are processes.
 */
static int add_tree(struct rows *rows, const struct node *top)
{
	const struct node **path = arena_array(rows->arena, rows->node_count + 1, sizeof(struct node *));
	size_t depth = 0;
	char branch[TABLE_BRANCH_SIZE];

	if (!path)
		return -1;
	path[0] = top->first_child;
	while (path[0]) {
		const struct node *node = path[depth];
		if (depth)
			rows->last[depth - 1] = !node->next_sibling;
		const char *kept = arena_string(rows->arena, table_branch(branch, rows->last, depth));
		if (!kept || rows_add_process(rows, node->process, kept))
			return -1;
		if (node->first_child) {
			path[++depth] = node->first_child;
			continue;
		}
		while (depth && !path[depth]->next_sibling)
			depth--;
		path[depth] = path[depth]->next_sibling;
	}
	return 0;
}

static int add_nodes_as_tree(struct rows *rows)
{
	struct node top = {0};

	rows->last = arena_array(rows->arena, rows->node_count + 1, sizeof(*rows->last));
	if (!rows->last)
		return -1;
	link_nodes(rows, &top);
	return add_tree(rows, &top);
}

struct ps_row *ps_rows_make(const struct snapshot *snapshot, const struct ps_selection *selection,
			    struct arena *arena, size_t *count)
{
	struct rows rows = {.snapshot = snapshot, .selection = selection, .arena = arena};

	rows.nodes = arena_array(arena, snapshot->process_count, sizeof(*rows.nodes));
	rows.list = arena_array(arena, 1, sizeof(*rows.list));
	rows.capacity = rows.list != NULL;
	if (!rows.nodes || !rows.list)
		return NULL;
	for (size_t i = 0; i < snapshot->process_count; i++)
		if (selection->all || process_is_privileged(&snapshot->processes[i]))
			rows.nodes[rows.node_count++].process = &snapshot->processes[i];
	if (selection->tree && add_nodes_as_tree(&rows))
		return NULL;
	for (size_t i = 0; !selection->tree && i < rows.node_count; i++)
		if (rows_add_process(&rows, rows.nodes[i].process, ""))
			return NULL;
	*count = rows.count;
	return rows.list;
}
