#include "agent/names.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAMES_MAX = 1024 }; /* of more users, such as a container may make up, it is told by number */

struct name {
	uint32_t id;
	char text[33]; /* empty: it has none */
};

struct name_list {
	struct name *list;
	size_t count, capacity;
};

struct names {
	struct name_list users, groups;
};

struct names *names_new(void)
{
	return calloc(1, sizeof(struct names));
}

void names_free(struct names *names)
{
	if (!names)
		return;
	free(names->users.list);
	free(names->groups.list);
	free(names);
}

static const char *name_of_user(uint32_t uid)
{
	const struct passwd *entry = getpwuid(uid);

	return entry ? entry->pw_name : "";
}

static const char *name_of_group(uint32_t gid)
{
	const struct group *entry = getgrgid(gid);

	return entry ? entry->gr_name : "";
}

static const char *find(struct name_list *names, uint32_t id, const char *(*look_up)(uint32_t id))
{
	size_t capacity = names->capacity ? names->capacity * 2 : 16;

	for (size_t i = 0; i < names->count; i++)
		if (names->list[i].id == id)
			return names->list[i].text;
	if (names->count == NAMES_MAX)
		return "";
	if (names->count == names->capacity) {
		struct name *grown = reallocarray(names->list, capacity, sizeof(*grown));
		if (!grown)
			return "";
		names->list = grown;
		names->capacity = capacity;
	}
	struct name *name = &names->list[names->count++];
	name->id = id;
	snprintf(name->text, sizeof(name->text), "%s", look_up(id));
	return name->text;
}

const char *names_of_user(struct names *names, uint32_t uid)
{
	return find(&names->users, uid, name_of_user);
}

const char *names_of_group(struct names *names, uint32_t gid)
{
	return find(&names->groups, gid, name_of_group);
}
