/* Lines of a Dockerfile, to stand at its end. */
#include <string.h>

#include "agent/remedy/writer.h"
#include "proctor/cleanup.h"

/* One instruction for all paths of a list, if there are any, each behind its option. The quotes hold: no path
 * has one (is_plain). */
static void put_run(struct writer *writer, json_t *lines, const char *command, const char *option,
		    const struct path_list *list)
{
	_cleanup_free_ char *line = NULL;
	size_t size;
	FILE *file = list->count ? open_memstream(&line, &size) : NULL;

	writer->failed |= list->count && !file;
	if (!file)
		return;
	fprintf(file, "RUN %s", command);
	for (size_t i = 0; i < list->count; i++)
		fprintf(file, " %s'%s'", option, list->paths[i]);
	if (fclose(file))
		writer->failed = true;
	else
		writer_append_text(writer, lines, line);
}

static void put_user(struct writer *writer, json_t *lines, const char *user)
{
	writer_append(writer, lines, json_sprintf("USER %s", user));
}

/* The programs are removed last: nothing can be run without a shell. */
static void put_files(struct writer *writer, json_t *lines)
{
	const struct plan_facts *facts = &writer->plan->facts;

	put_run(writer, lines, "chmod a-s", "", &facts->set_id_files);
	put_run(writer, lines, "setcap", "-r ", &facts->capability_files); /* one file after each -r */
	put_run(writer, lines, "chmod go-w", "", &facts->open_files);
	put_run(writer, lines, "rm -f", "", &facts->tools);
}

static const char *text_of(const json_t *lines, struct arena *arena)
{
	const char *text = "";
	const json_t *line;
	size_t index;

	json_array_foreach(lines, index, line)
	{
		text = arena_printf(arena, "%s%s\n", text, json_string_value(line));
		if (!text)
			return NULL;
	}
	return text;
}

int write_dockerfile(struct plan *plan, struct arena *arena)
{
	struct writer writer = writer_start(plan, arena);
	json_t *lines = writer_array(&writer, writer.fragment, "lines");
	const char *now = plan->facts.user_now;
	bool as_user = now && strncmp(now, "0:", 2) != 0;

	if (as_user && (plan->kinds & ~CHANGE(USER)))
		put_user(&writer, lines, "0:0");
	put_files(&writer, lines);
	if (plan_has(plan, CHANGE_USER))
		put_user(&writer, lines, plan->facts.user);
	else if (as_user && plan->kinds)
		put_user(&writer, lines, now);
	return writer_finish(&writer, text_of(lines, arena));
}
