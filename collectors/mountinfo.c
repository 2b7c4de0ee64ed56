#include "collectors/mountinfo.h"

#include <errno.h>
#include <string.h>

#include "proctor/cleanup.h"

enum { MOUNTINFO_LIMIT = 16 * 1024 * 1024 };

/* ---- one line ---------------------------------------------------------------------------------- */

/* The field up to the next blank, which the cursor moves behind. False at the end of the line. */
static bool next_field(const char **cursor, const char *end, struct bytes *field)
{
	const char *blank;

	if (!*cursor)
		return false;
	blank = memchr(*cursor, ' ', (size_t)(end - *cursor));
	*field = (struct bytes){*cursor, (size_t)((blank ? blank : end) - *cursor)};
	*cursor = blank ? blank + 1 : NULL;
	return true;
}

static bool read_number(const char **cursor, const char *end, uint32_t *number)
{
	uint64_t value;

	if (!text_read_number(cursor, end, 10, &value) || value > UINT32_MAX)
		return false;
	*number = (uint32_t)value;
	return true;
}

/* A field that is a number and nothing else. */
static bool next_number(const char **cursor, const char *end, uint32_t *number)
{
	struct bytes field;

	if (!next_field(cursor, end, &field))
		return false;
	const char *at = field.data, *stop = bytes_end(field);
	return read_number(&at, stop, number) && at == stop;
}

static bool next_device(const char **cursor, const char *end, uint32_t *major, uint32_t *minor)
{
	struct bytes field;

	if (!next_field(cursor, end, &field))
		return false;
	const char *at = field.data, *stop = bytes_end(field);
	if (!read_number(&at, stop, major) || at == stop || *at != ':')
		return false;
	at++;
	return read_number(&at, stop, minor) && at == stop;
}

/* Takes `name` off the front of a field. */
static bool drop_prefix(struct bytes *field, const char *name)
{
	size_t length = strlen(name);

	if (field->length < length || memcmp(field->data, name, length) != 0)
		return false;
	field->data += length;
	field->length -= length;
	return true;
}

static bool is_text(struct bytes field, const char *text)
{
	return field.length == strlen(text) && !memcmp(field.data, text, field.length);
}

/* The fields between the options and the lone `-`: any number of them. */
static bool read_optional(const char **cursor, const char *end, struct mountinfo_line *fields)
{
	struct bytes field;

	while (next_field(cursor, end, &field)) {
		struct bytes value = field;
		uint32_t *group = NULL;
		if (is_text(field, "-"))
			return true;
		if (is_text(field, "unbindable"))
			fields->unbindable = true;
		else if (drop_prefix(&value, "shared:"))
			group = &fields->shared;
		else if (drop_prefix(&value, "master:"))
			group = &fields->master;
		if (group && !read_number(&value.data, field.data + field.length, group))
			return false;
	}
	return false;
}

bool mountinfo_line(const char *line, size_t length, struct mountinfo_line *fields)
{
	const char *cursor = line, *end = line + length;

	*fields = (struct mountinfo_line){0};
	if (!next_number(&cursor, end, &fields->id) || !next_number(&cursor, end, &fields->parent) ||
	    !next_device(&cursor, end, &fields->major, &fields->minor) ||
	    !next_field(&cursor, end, &fields->root) || !next_field(&cursor, end, &fields->point) ||
	    !next_field(&cursor, end, &fields->options) || !read_optional(&cursor, end, fields))
		return false;
	return next_field(&cursor, end, &fields->type) && next_field(&cursor, end, &fields->source) &&
	       next_field(&cursor, end, &fields->super_options) && fields->point.length > 0 &&
	       *fields->point.data == '/';
}

bool mountinfo_option(struct bytes options, const char *name, struct bytes *value)
{
	const char *at = options.data, *end = bytes_end(options);

	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		struct bytes option = {at, (size_t)((comma ? comma : end) - at)};
		at = comma ? comma + 1 : end;
		if (!drop_prefix(&option, name) || (option.length && *option.data != '='))
			continue;
		if (value)
			*value = option.length ? (struct bytes){option.data + 1, option.length - 1} : option;
		return true;
	}
	return false;
}

/* The byte that `\ooo` at `at` stands for; 0 when it is none. */
static unsigned escaped_byte(const char *at, const char *end)
{
	uint64_t value = 0;
	const char *digits = at + 1;

	if (end - at < 4 || !text_read_number(&digits, at + 4, 8, &value) || digits != at + 4 || value > 255)
		return 0;
	return (unsigned)value;
}

size_t mountinfo_unescape(char *out, struct bytes text)
{
	const char *at = text.data, *end = bytes_end(text);
	char *to = out;

	while (at < end) {
		unsigned byte = *at == '\\' ? escaped_byte(at, end) : 0;
		*to++ = byte ? (char)byte : *at;
		at += byte ? 4 : 1;
	}
	*to = '\0';
	return (size_t)(to - out);
}

/* ---- the table --------------------------------------------------------------------------------- */

/* Copies a field, resolved, to *room and moves that behind it. */
static const char *keep_field(char **room, struct bytes field)
{
	char *text = *room;

	*room += mountinfo_unescape(text, field) + 1;
	return text;
}

static uint32_t option_bits(struct bytes options)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} names[] = {{"ro", MOUNT_READ_ONLY},
		     {"nosuid", MOUNT_NOSUID},
		     {"nodev", MOUNT_NODEV},
		     {"noexec", MOUNT_NOEXEC},
		     {"idmapped", MOUNT_ID_MAPPED}};
	uint32_t bits = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (mountinfo_option(options, names[i].name, NULL))
			bits |= names[i].bit;
	return bits;
}

/* Puts a backslash before each colon and backslash of what stands from `text` to `end`, behind which there is
 * room. Returns the new end. */
static char *escape_colons(char *text, char *end)
{
	for (char *at = text; at < end; at++)
		if (*at == ':' || *at == '\\') {
			memmove(at + 1, at, (size_t)(end++ - at));
			*at++ = '\\';
		}
	return end;
}

/* The layers of an overlay below its upper directory: in one option, where a colon in a name stands behind a
 * backslash, or, since Linux 6.5, one each, where it does not. */
static const char *keep_layers(char **room, struct bytes options)
{
	static const struct {
		const char *name, *before;
		bool single;
	} kinds[] = {{"lowerdir=", ":", false}, {"lowerdir+=", ":", true}, {"datadir+=", "::", true}};
	const char *at = options.data, *end = bytes_end(options);
	char *layers = *room, *to = layers;

	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		struct bytes option = {at, (size_t)((comma ? comma : end) - at)};
		at = comma ? comma + 1 : end;
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			if (!drop_prefix(&option, kinds[i].name))
				continue;
			if (to != layers)
				to = stpcpy(to, kinds[i].before);
			char *layer = to;
			to += mountinfo_unescape(to, option);
			if (kinds[i].single)
				to = escape_colons(layer, to);
			break;
		}
	}
	if (to == layers)
		return NULL;
	*room = to + 1;
	return layers;
}

/* How an overlay is set, as far as its options tell: one that is as the module's parameter says is not shown.
 */
static uint32_t overlay_bits(struct bytes options)
{
	static const struct {
		const char *name, *value;
		uint32_t bit;
	} settings[] = {
		{"userxattr", "", OVERLAY_USER_ATTRIBUTES},
		{"redirect_dir", "on", OVERLAY_REDIRECTS | OVERLAY_MAKES_REDIRECTS},
		{"redirect_dir", "follow", OVERLAY_REDIRECTS},
		{"redirect_dir", "off", OVERLAY_NO_REDIRECTS},
		{"redirect_dir", "nofollow", OVERLAY_NO_REDIRECTS},
		{"index", "on", OVERLAY_INDEX},
		{"index", "off", OVERLAY_NO_INDEX},
		{"nfs_export", "on", OVERLAY_INDEX},
	};
	struct bytes value;
	uint32_t bits = 0;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (mountinfo_option(options, settings[i].name, &value) && is_text(value, settings[i].value))
			bits |= settings[i].bit;
	return bits;
}

static int keep_mount(struct mount *mount, const struct mountinfo_line *line, struct arena *arena)
{
	struct bytes upper = {0}, work = {0}, layers = {0};
	char *room;

	if (is_text(line->type, "overlay")) {
		mountinfo_option(line->super_options, "upperdir", &upper);
		mountinfo_option(line->super_options, "workdir", &work);
		layers = line->super_options;
	}
	room = arena_alloc(arena, line->root.length + line->point.length + line->type.length +
					  line->source.length + upper.length + work.length +
					  2 * layers.length + 7);
	if (!room)
		return -1;
	*mount = (struct mount){
		.id = line->id,
		.parent = line->parent,
		.major = line->major,
		.minor = line->minor,
		.root = keep_field(&room, line->root),
		.point = keep_field(&room, line->point),
		.type = keep_field(&room, line->type),
		.source = keep_field(&room, line->source),
		.options = option_bits(line->options),
		.super_options = option_bits(line->super_options) & MOUNT_READ_ONLY,
		.shared = line->shared,
		.master = line->master,
		.unbindable = line->unbindable,
	};
	if (upper.length)
		mount->upper = keep_field(&room, upper);
	if (work.length)
		mount->work = keep_field(&room, work);
	if (layers.length) {
		mount->lower = keep_layers(&room, layers);
		mount->overlay = overlay_bits(layers);
	}
	return 0;
}

static size_t count_lines(const char *text, size_t length)
{
	const char *cursor = text, *line;
	size_t count = 0, size;

	while (line_next(&cursor, text + length, &line, &size))
		count++;
	return count;
}

/* ---- which mounts are covered ------------------------------------------------------------------ */

int mountinfo_compare_paths(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	int left = *a == '/' ? 1 : *a ? (unsigned char)*a + 1 : 0;
	int right = *b == '/' ? 1 : *b ? (unsigned char)*b + 1 : 0;
	return left - right;
}

enum reach { REACH_UNKNOWN, REACH_ASKED, REACH_YES, REACH_NO };

/* A mount as the search for covered ones sees it. A path walk gets to a mount when it gets to its parent and
 * no sibling, another mount on the same parent, lies on the way from there to its point. */
struct place {
	struct mount *mount;
	struct place *parent; /* NULL: not in the table */
	bool aside;           /* a sibling lies on it or above it */
	enum reach reach;
};

static int compare_ids(const void *a, const void *b)
{
	const struct place *left = a, *right = b;

	return (left->mount->id > right->mount->id) - (left->mount->id < right->mount->id);
}

/* Siblings together, by path; of those on one path the last mounted first, as it is the one to be seen. */
static int compare_siblings(const void *a, const void *b)
{
	const struct mount *left = (*(struct place *const *)a)->mount;
	const struct mount *right = (*(struct place *const *)b)->mount;
	int order;

	if (left->parent != right->parent)
		return left->parent > right->parent ? 1 : -1;
	order = mountinfo_compare_paths(left->point, right->point);
	return order ? order : (left < right) - (left > right);
}

/* Marks places that a sibling lies on or above. `order` has room for all of them. */
static void mark_aside(struct place *places, size_t count, struct place **order)
{
	const struct mount *top = NULL;

	for (size_t i = 0; i < count; i++)
		order[i] = &places[i];
	qsort(order, count, sizeof(struct place *), compare_siblings);
	for (size_t i = 0; i < count; i++) {
		const struct mount *mount = order[i]->mount;
		if (mount->id == mount->parent) /* the very first mount is its own parent */
			continue;
		order[i]->aside = top && top->parent == mount->parent && mount_holds(top, mount->point);
		if (!order[i]->aside)
			top = mount;
	}
}

/* Finds each place's parent, and covers the parents that a mount lies on. */
static void find_parents(struct place *places, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct mount *mount = places[i].mount;
		struct mount key = {.id = mount->parent};
		struct place *parent =
			bsearch(&(struct place){.mount = &key}, places, count, sizeof(*places), compare_ids);
		if (!parent || parent == &places[i])
			continue;
		places[i].parent = parent;
		if (!strcmp(parent->mount->point, mount->point))
			parent->mount->covered = true;
	}
}

/* Works out whether a path walk gets to `place`: up to the first ancestor that is known, and down again. A
 * table whose parents go in a circle has no way in. `way` has room for all places. */
static void judge_reach(struct place *place, struct place **way)
{
	size_t depth = 0;
	bool reached;

	for (; place && place->reach == REACH_UNKNOWN; place = place->parent) {
		place->reach = REACH_ASKED;
		way[depth++] = place;
	}
	reached = !place || place->reach == REACH_YES;
	while (depth-- > 0) {
		reached = reached && !way[depth]->aside;
		way[depth]->reach = reached ? REACH_YES : REACH_NO;
		way[depth]->mount->covered |= !reached;
	}
}

static int judge_covered(struct mount_namespace *namespace)
{
	size_t count = namespace->mount_count;
	_cleanup_free_ struct place *places = count ? calloc(count, sizeof(*places)) : NULL;
	_cleanup_free_ struct place **way = count ? calloc(count, sizeof(struct place *)) : NULL;

	if (!count)
		return 0;
	if (!places || !way)
		return -1;
	for (size_t i = 0; i < count; i++)
		places[i].mount = &namespace->mounts[i];
	qsort(places, count, sizeof(*places), compare_ids);
	find_parents(places, count);
	mark_aside(places, count, way);
	for (size_t i = 0; i < count; i++)
		judge_reach(&places[i], way);
	return 0;
}

/* ---- all of it --------------------------------------------------------------------------------- */

int mountinfo_parse(const char *text, size_t length, struct arena *arena, struct mount_namespace *namespace,
		    struct mountinfo_faults *faults)
{
	const char *cursor = text, *end = text + length, *line;
	struct mountinfo_line fields;
	size_t size;

	namespace->mount_count = 0;
	namespace->root = NULL;
	namespace->mounts = arena_array(arena, count_lines(text, length), sizeof(struct mount));
	if (!namespace->mounts)
		return -1;
	while (line_next(&cursor, end, &line, &size)) {
		if (!mountinfo_line(line, size, &fields))
			faults->malformed++;
		else if (keep_mount(&namespace->mounts[namespace->mount_count++], &fields, arena))
			return -1;
	}
	if (judge_covered(namespace))
		return -1;
	for (size_t i = 0; i < namespace->mount_count; i++) {
		const struct mount *mount = &namespace->mounts[i];
		if (mount->covered || strcmp(mount->point, "/") != 0)
			continue;
		namespace->root = mount;
	}
	return 0;
}

int mountinfo_read(int directory, const char *path, struct buffer *buffer, struct arena *arena,
		   struct mount_namespace *namespace, struct mountinfo_faults *faults)
{
	int cut = buffer_read(buffer, directory, path, MOUNTINFO_LIMIT);

	*faults = (struct mountinfo_faults){.cut = cut > 0};
	if (cut < 0)
		return -1;
	if (mountinfo_parse(buffer->data, buffer->length, arena, namespace, faults)) {
		errno = ENOMEM;
		return -1;
	}
	return 0;
}
