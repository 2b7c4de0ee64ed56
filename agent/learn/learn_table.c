#include "agent/learn/learn_table.h"

#include <errno.h>
#include <string.h>

#include "agent/formats/table.h"
#include "agent/since.h"
#include "proctor/text.h"

/* ---- rows --------------------------------------------------------------------------------------- */

static const char *called(const struct learned_container *container)
{
	const struct watched *watched = container->watched;
	const char *const names[] = {watched->name, watched->id, watched->image, watched->image_digest};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i])
			return names[i];
	return "";
}

struct row {
	const char *verdict, *reason;
	enum table_style style;
	unsigned capability;
	uint64_t count; /* 0: never */
	const char *const *executables;
};

static void put_row(struct table *table, const struct learned_container *container, const struct row *row)
{
	char name[CAPABILITY_NAME_SIZE];

	table_text(table, STYLE_PLAIN, called(container));
	table_text(table, row->style, capability_name(row->capability, name));
	table_text(table, row->style, row->verdict);
	if (row->count)
		table_number(table, STYLE_PLAIN, row->count);
	else
		table_text(table, STYLE_FAINT, NULL);
	table_texts(table, STYLE_FAINT, row->executables, ", ");
	table_text(table, STYLE_PLAIN, row->reason);
}

static void put_uses(struct table *table, const struct learned_container *container, bool required)
{
	for (size_t i = 0; i < container->use_count; i++) {
		const struct learned_use *use = &container->uses[i];
		struct row row = {.verdict = required ? "required" : "optional",
				  .reason = use->reason,
				  .style = required ? STYLE_STRONG : STYLE_PLAIN,
				  .capability = use->capability,
				  .count = use->count,
				  .executables = use->executables};
		if (use->required == required)
			put_row(table, container, &row);
	}
}

static void put_denials(struct table *table, const struct learned_container *container)
{
	for (size_t i = 0; i < container->denial_count; i++) {
		const struct learned_denial *denial = &container->denials[i];
		struct row row = {.verdict = "denied",
				  .reason = denial->reason,
				  .style = STYLE_MEDIUM,
				  .capability = denial->capability,
				  .count = denial->count,
				  .executables = denial->executables};
		put_row(table, container, &row);
	}
}

static void put_container(struct table *table, const struct learned_container *container)
{
	put_uses(table, container, true);
	put_uses(table, container, false);
	put_denials(table, container);
}

/* ---- what follows ------------------------------------------------------------------------------- */

static void put_words(struct output *output, const char *before, capability_set set)
{
	char words[1024];

	capability_words(words, sizeof(words), set, capability_all(CAP_LAST_CAP));
	output_format(output, "%s%s", before, words);
}

static void put_missed(const struct learned_container *container, struct output *output)
{
	if (container->of_starts)
		put_words(output, "; by earlier starts of its image ", container->of_starts);
	if (!container->watched->saw_start && container->complete)
		output_text(output, "; its start was not seen: what starts of its image need is known");
	else if (!container->watched->saw_start)
		output_text(output, "; its start was not seen, when it may have needed more");
	else if (container->kept && !container->complete)
		output_text(output, "; of none of its starts all was counted: it may need more");
}

/* Of an image: which one, and for how long it was watched. */
static void put_kept(const struct learned_container *container, struct output *output)
{
	const struct watched *watched = container->watched;
	const char *image = watched->image ? watched->image : watched->image_digest;
	uint64_t seconds = container->observed_seconds < INT32_MAX ? container->observed_seconds : INT32_MAX;
	char name[1024], age[AGE_SIZE];

	text_escape(name, sizeof(name), image ? image : "", image ? strlen(image) : 0);
	output_format(output, " (%s%swatched for %s, %llu %s)", name, image ? ", " : "",
		      since_age((int64_t)seconds * 1000, age), (unsigned long long)container->kept->starts,
		      container->kept->starts == 1 ? "start" : "starts");
}

static void put_sampled(const struct learned_container *container, struct output *output)
{
	static const char *const texts[] = {
		[SAMPLED_NOBODY] = "whether a privilege was used is not known",
		[SAMPLED_UNUSED] = "no privilege was used by what was forked in it and looked at",
		[SAMPLED_UNKNOWN] = "whether a privilege was used is not known",
		[SAMPLED_USED] = "a privilege was used, it is not known which",
	};

	put_words(output, ": granted ", container->watched->granted);
	put_words(output, "; in effect in its processes ", container->sampled->held);
	output_format(output, "; %s\n", texts[container->sampled->use]);
}

static void put_conclusion(const struct learned_container *container, struct output *output)
{
	capability_set granted = container->watched->granted;
	char name[128];

	text_escape(name, sizeof(name), called(container), strlen(called(container)));
	output_text(output, name);
	if (container->sampled) {
		put_sampled(container, output);
		return;
	}
	if (container->kept)
		put_kept(container, output);
	put_words(output, ": keep ", granted & container->recommended);
	put_words(output, "; drop ", granted & ~container->recommended);
	put_missed(container, output);
	output_text(output, "\n");
}

static void put_conclusions(const struct learned *learned, struct output *output)
{
	if (!learned->count)
		output_text(output, "No container ran meanwhile.\n");
	else if (!learned->containers[0].sampled)
		output_text(output, "\n");
	for (size_t i = 0; i < learned->count; i++)
		put_conclusion(&learned->containers[i], output);
	if (learned->lost)
		output_format(output,
			      "%llu checks were not counted, for want of room or since they came while "
			      "one was counted: more may be needed\n",
			      (unsigned long long)learned->lost);
	if (learned->unseen)
		output_format(output, "%llu checks were by whom came and went unseen, between two looks\n",
			      (unsigned long long)learned->unseen);
	if (learned->nameless)
		output_text(output, "The kernel hides which of its functions ask (kernel.kptr_restrict, "
				    "CAP_SYSLOG): what is no need could not be told\n");
}

int learn_table_print(const struct learned *learned, struct output *output, struct error **error)
{
	static const struct table_column container = {.header = "CONTAINER", .weight = 1, .minimum = 9},
					 capability = {.header = "CAPABILITY", .keep = KEEP_ALWAYS},
					 verdict = {.header = "VERDICT", .keep = KEEP_ALWAYS},
					 count = {.header = "COUNT", .right = true},
					 programs = {.header = "PROGRAMS", .weight = 2, .minimum = 10},
					 reason = {.header = "WITHOUT IT", .weight = 3, .minimum = 12};
	static const struct table_column *const columns[] = {&container, &capability, &verdict,
							     &count,     &programs,   &reason};
	struct table_look look = table_look_of(output);
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	int result = 0;

	if (!table)
		return error_set(error, ENOMEM, "printing what was learned");
	for (size_t i = 0; i < learned->count; i++)
		put_container(table, &learned->containers[i]);
	if (learned->count && !learned->containers[0].sampled)
		result = table_print(table, &look, output, error);
	table_free(table);
	if (!result)
		put_conclusions(learned, output);
	return result;
}
