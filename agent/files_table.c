#include "agent/files_table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/formats/table.h"
#include "agent/names.h"

enum { COLUMNS_MAX = 7 };

/* ---- cells ------------------------------------------------------------------------------------- */

const char *mode_text(uint32_t mode, char text[MODE_TEXT_SIZE])
{
	static const char letters[] = "-rwxrwxrwx";
	const struct {
		uint32_t bit, execute;
		size_t at;
		char with, without;
	} special[] = {{S_ISUID, S_IXUSR, 3, 's', 'S'},
		       {S_ISGID, S_IXGRP, 6, 's', 'S'},
		       {S_ISVTX, S_IXOTH, 9, 't', 'T'}};

	memcpy(text, letters, MODE_TEXT_SIZE);
	for (unsigned i = 1; i < MODE_TEXT_SIZE - 1; i++)
		if (!(mode & (0400u >> (i - 1))))
			text[i] = '-';
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (mode & special[i].bit)
			text[special[i].at] =
				mode & special[i].execute ? special[i].with : special[i].without;
	return text;
}

/* Adds `names=flags` for the capabilities of the set, behind a blank when it is not the first. */
static void add_group(char *text, capability_set set, capability_set all, const char *flags)
{
	size_t length = strlen(text), room = FILE_CAPABILITY_TEXT_SIZE - length;
	char name[CAPABILITY_NAME_SIZE];
	const char *between = length ? " " : "";

	if (!set)
		return;
	if (set == all) {
		snprintf(text + length, room, "%sall=%s", between, flags);
		return;
	}
	for (unsigned number = 0; number < 64; number++) {
		if (!(set & CAPABILITY_MASK(number)))
			continue;
		length += (size_t)snprintf(text + length, FILE_CAPABILITY_TEXT_SIZE - length, "%s%s", between,
					   capability_name(number, name));
		between = ",";
	}
	snprintf(text + length, FILE_CAPABILITY_TEXT_SIZE - length, "=%s", flags);
}

const char *file_capability_text(const struct file_capability *capability, unsigned last,
				 char text[FILE_CAPABILITY_TEXT_SIZE])
{
	capability_set permitted = capability->permitted, inheritable = capability->inheritable;
	capability_set all = capability_all(last);
	bool effective = capability->effective;

	snprintf(text, FILE_CAPABILITY_TEXT_SIZE, "%s",
		 capability->version == FILE_CAPABILITY_NOT_UNDERSTOOD ? "not understood" : "");
	if (!capability->version || text[0])
		return text;
	add_group(text, permitted & inheritable, all, effective ? "eip" : "ip");
	add_group(text, permitted & ~inheritable, all, effective ? "ep" : "p");
	add_group(text, inheritable & ~permitted, all, effective ? "ei" : "i");
	if (!text[0])
		snprintf(text, FILE_CAPABILITY_TEXT_SIZE, "none%s", effective ? "=e" : "");
	if (capability->version == 3) {
		size_t length = strlen(text);
		snprintf(text + length, FILE_CAPABILITY_TEXT_SIZE - length, " [rootid=%u]",
			 capability->root_id);
	}
	return text;
}

/* What an owner is called: by name on the host, by number in a container, whose names are its own affair;
 * behind it, where it differs, the number that the container sees. */
static void put_owner(struct table *table, enum table_style style, const char *name, uint32_t id, bool mapped,
		      uint32_t inside)
{
	char text[64];

	if (*name)
		snprintf(text, sizeof(text), "%s", name);
	else
		snprintf(text, sizeof(text), "%u", id);
	if (mapped && inside != id) {
		size_t length = strlen(text);
		snprintf(text + length, sizeof(text) - length, " (%u inside)", inside);
	}
	table_text(table, style, text);
}

static void put_owners(struct table *table, enum table_style style, const struct file *file,
		       struct names *names)
{
	const struct process *init = file->container ? file->container->init : NULL;
	const struct user_namespace *space = init ? init->user_namespace : NULL;
	const char *user = file->container && file->uid ? "" : names_of_user(names, file->uid);
	uint32_t inside = 0;
	bool mapped = space && user_namespace_inside(space->uids, space->uid_count, file->uid, &inside);

	put_owner(table, style, user, file->uid, mapped, inside);
	const char *group = file->container && file->gid ? "" : names_of_group(names, file->gid);
	mapped = space && user_namespace_inside(space->gids, space->gid_count, file->gid, &inside);
	put_owner(table, style, group, file->gid, mapped, inside);
}

/* ---- the table --------------------------------------------------------------------------------- */

static void put_file(struct table *table, const struct snapshot *snapshot, const struct file *file,
		     struct names *names, bool with_container)
{
	/* What gives nothing where it is mounted stands back. */
	enum table_style style = file->nosuid || file->noexec ? STYLE_FAINT : STYLE_PLAIN;
	char mode[MODE_TEXT_SIZE], capabilities[FILE_CAPABILITY_TEXT_SIZE], label[64];

	table_text(table, style, mode_text(file->mode, mode));
	put_owners(table, style, file, names);
	table_text(table, style,
		   file_capability_text(&file->capability, snapshot->host.last_capability, capabilities));
	table_number(table, style, file->links);
	if (with_container)
		table_text(table, style, container_label(file->container, label, sizeof(label)));
	table_text(table, style, file->path);
}

static bool has_container(const struct snapshot *snapshot)
{
	return snapshot->file_count && snapshot->files[0].container; /* the host's come last */
}

int files_table_print(const struct snapshot *snapshot, struct output *output, size_t *left_out,
		      struct error **error)
{
	static const struct table_column
		mode = {.header = "MODE", .keep = KEEP_LONGER},
		owner = {.header = "OWNER"}, group = {.header = "GROUP"},
		capabilities = {.header = "CAPABILITIES", .weight = 1, .minimum = 12, .keep = KEEP_LONGER},
		links = {.header = "LINKS", .right = true},
		container = {.header = "CONTAINER", .weight = 1, .minimum = 9},
		path = {.header = "PATH", .weight = 3, .minimum = 20, .keep = KEEP_ALWAYS};
	bool with_container = has_container(snapshot);
	const struct table_column *columns[COLUMNS_MAX] = {&mode,         &owner, &group,
							   &capabilities, &links, &path};
	struct table_look look = table_look_of(output);
	struct names *names = names_new();
	struct table *table;
	int result = -1;

	if (with_container) {
		columns[COLUMNS_MAX - 2] = &container;
		columns[COLUMNS_MAX - 1] = &path;
	}
	table = table_new(columns, with_container ? COLUMNS_MAX : COLUMNS_MAX - 1);
	if (table && names) {
		table_keep_ends(table, with_container ? COLUMNS_MAX - 1 : COLUMNS_MAX - 2);
		for (size_t i = 0; i < snapshot->file_count; i++)
			put_file(table, snapshot, &snapshot->files[i], names, with_container);
		result = table_print(table, &look, output, error);
		*left_out = table_left_out(table, &look);
	} else {
		error_set(error, ENOMEM, "printing files");
	}
	table_free(table);
	names_free(names);
	return result;
}
