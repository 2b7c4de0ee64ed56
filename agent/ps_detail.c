#include "agent/ps_detail.h"

#include <errno.h>
#include <libproc2/pids.h>
#include <stdlib.h>
#include <string.h>

#include "proctor/arena.h"

/* What is read of each process, in the order of the stack that libproc2 gives. */
static enum pids_item items[] = {PIDS_ID_PID, PIDS_CMDLINE, PIDS_TTY_NAME, PIDS_TIME_START};

enum { ITEM_PID, ITEM_ARGUMENTS, ITEM_TERMINAL, ITEM_STARTED, ITEM_COUNT };

/* As many as procps_pids_select takes at a time: FILL_ID_MAX of procps-ng's own source. */
enum { CHOSEN_MAX = 255 };

struct ps_detail {
	struct arena *arena;
	struct ps_detail_row *rows; /* ascending by pid */
	size_t count;
};

static int compare_rows(const void *a, const void *b)
{
	const struct ps_detail_row *left = a, *right = b;

	return (left->pid > right->pid) - (left->pid < right->pid);
}

static int keep_row(struct ps_detail *detail, const struct pids_stack *stack)
{
	struct ps_detail_row *row = &detail->rows[detail->count];

	row->pid = stack->head[ITEM_PID].result.s_int;
	row->arguments = arena_string(detail->arena, stack->head[ITEM_ARGUMENTS].result.str);
	row->terminal = arena_string(detail->arena, stack->head[ITEM_TERMINAL].result.str);
	row->started = stack->head[ITEM_STARTED].result.real;
	if (!row->arguments || !row->terminal)
		return -1;
	detail->count++;
	return 0;
}

/* Reads as many processes as libproc2 takes at a time. Returns how many, 0 on failure. */
static size_t read_some(struct ps_detail *detail, struct pids_info *info, const pid_t *pids, size_t count)
{
	unsigned chosen[CHOSEN_MAX];
	size_t most = count < CHOSEN_MAX ? count : CHOSEN_MAX;
	struct pids_fetch *fetched;

	for (size_t i = 0; i < most; i++)
		chosen[i] = (unsigned)pids[i];
	fetched = procps_pids_select(info, chosen, (int)most, PIDS_SELECT_PID);
	if (!fetched)
		return 0;
	for (int i = 0; i < fetched->counts->total; i++)
		if (keep_row(detail, fetched->stacks[i]))
			return 0;
	return most;
}

static int read_all(struct ps_detail *detail, const pid_t *pids, size_t count, struct error **error)
{
	struct pids_info *info = NULL;
	int result = procps_pids_new(&info, items, ITEM_COUNT);

	if (result < 0)
		return error_set(error, -result, "reading processes by libproc2");
	for (size_t done = 0, step; !result && done < count; done += step) {
		step = read_some(detail, info, pids + done, count - done);
		if (!step)
			result = error_set(error, errno, "reading processes by libproc2");
	}
	procps_pids_unref(&info);
	if (detail->count)
		qsort(detail->rows, detail->count, sizeof(*detail->rows), compare_rows);
	return result;
}

struct ps_detail *ps_detail_read(const pid_t *pids, size_t count, struct error **error)
{
	struct arena *arena = arena_new();
	struct ps_detail *detail = arena ? arena_alloc(arena, sizeof(*detail)) : NULL;

	if (detail)
		detail->rows = arena_array(arena, count, sizeof(*detail->rows));
	if (!detail || !detail->rows) {
		error_set(error, ENOMEM, "reading processes by libproc2");
		arena_free(arena);
		return NULL;
	}
	detail->arena = arena;
	if (read_all(detail, pids, count, error)) {
		ps_detail_free(detail);
		return NULL;
	}
	return detail;
}

const struct ps_detail_row *ps_detail_find(const struct ps_detail *detail, pid_t pid)
{
	const struct ps_detail_row wanted = {.pid = pid};

	return detail->count ? bsearch(&wanted, detail->rows, detail->count, sizeof(wanted), compare_rows)
			     : NULL;
}

void ps_detail_free(struct ps_detail *detail)
{
	if (detail)
		arena_free(detail->arena);
}
