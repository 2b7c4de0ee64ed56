#include "collectors/identity/ecs.h"

#include <string.h>

/* The hard limit of a container's memory, in MiB; 0: none was declared. Its CPU is a share, no limit. */
static void read_memory(const json_t *limits, struct limit *memory)
{
	const json_t *mebibytes = json_object_get(limits, "Memory");
	json_int_t value = json_integer_value(mebibytes);

	if (json_is_integer(mebibytes) && value > 0 && value < ((json_int_t)1 << 43))
		*memory = (struct limit){LIMIT_SET, (uint64_t)value << 20, NULL};
}

/* Those that the agent sets itself it sets on every container; the others may be the image's. */
static void mark_labels(struct claim *claim)
{
	static const char own[] = "com.amazonaws.ecs.";

	for (size_t i = 0; i < claim->label_count; i++)
		claim->labels[i].of_image = strncmp(claim->labels[i].name, own, strlen(own)) != 0;
}

void ecs_read_container(struct identification *identification, const json_t *container, struct claim *claim)
{
	claim->task_name = identity_text(identification, container, "Name");
	claim->runtime_name = identity_text(identification, container, "DockerName");
	claim->image = identity_text(identification, container, "Image");
	claim->image_id = identity_text(identification, container, "ImageID");
	claim->kind = "ecs";
	identity_labels(identification, claim, json_object_get(container, "Labels"));
	mark_labels(claim);
	read_memory(json_object_get(container, "Limits"), &claim->declared.memory);
}
