/* What labels and annotations tell that ECS, Kubernetes and runtimes set on containers. */
#include <string.h>

#include "collectors/identity/identity.h"

/* Of several for one thing the first that is there. */
static const struct {
	const char *label;
	size_t offset;
} meanings[] = {
	/* amazon-ecs-agent, agent/api/task */
	{"com.amazonaws.ecs.container-name", offsetof(struct claim, task_name)},
	{"com.amazonaws.ecs.task-arn", offsetof(struct claim, task.arn)},
	{"com.amazonaws.ecs.task-definition-family", offsetof(struct claim, task.family)},
	{"com.amazonaws.ecs.task-definition-version", offsetof(struct claim, task.revision)},
	{"com.amazonaws.ecs.cluster", offsetof(struct claim, task.cluster)},
	/* kubelet's labels, which cri-dockerd and CRI-O keep */
	{"io.kubernetes.container.name", offsetof(struct claim, pod.container)},
	{"io.kubernetes.pod.name", offsetof(struct claim, pod.name)},
	{"io.kubernetes.pod.namespace", offsetof(struct claim, pod.name_space)},
	{"io.kubernetes.pod.uid", offsetof(struct claim, pod.uid)},
	/* containerd, pkg/cri/annotations */
	{"io.kubernetes.cri.container-name", offsetof(struct claim, pod.container)},
	{"io.kubernetes.cri.sandbox-name", offsetof(struct claim, pod.name)},
	{"io.kubernetes.cri.sandbox-namespace", offsetof(struct claim, pod.name_space)},
	{"io.kubernetes.cri.sandbox-uid", offsetof(struct claim, pod.uid)},
	{"io.kubernetes.cri.image-name", offsetof(struct claim, image)},
	/* CRI-O, pkg/annotations */
	{"io.kubernetes.cri-o.ImageName", offsetof(struct claim, image)},
	{"io.kubernetes.cri-o.Name", offsetof(struct claim, runtime_name)},
	/* nerdctl, pkg/labels */
	{"nerdctl/name", offsetof(struct claim, runtime_name)},
};

/* Not one of the image: it would let the image choose whose container it is taken for. */
static const char *value_of(const struct claim *claim, const char *name)
{
	for (size_t i = 0; i < claim->label_count; i++) {
		const struct label *label = &claim->labels[i];
		if (!strcmp(label->name, name) && *label->value && !label->of_image)
			return label->value;
	}
	return NULL;
}

/* The container that holds a pod's namespaces has no name in the pod. */
static bool is_sandbox(const struct claim *claim)
{
	const char *containerd = value_of(claim, "io.kubernetes.cri.container-type");
	const char *crio = value_of(claim, "io.kubernetes.cri-o.ContainerType");
	const char *docker = value_of(claim, "io.kubernetes.docker.type");

	return (containerd && !strcmp(containerd, "sandbox")) || (crio && !strcmp(crio, "sandbox")) ||
	       (docker && !strcmp(docker, "podsandbox"));
}

static void read_privileged(struct claim *claim)
{
	static const char *const names[] = {"io.kubernetes.cri-o.PrivilegedRuntime",
					    "io.podman.annotations.privileged", NULL};

	for (const char *const *name = names; *name; name++) {
		const char *value = value_of(claim, *name);
		if (!value)
			continue;
		claim->declared.privileged = !strcasecmp(value, "true");
		claim->declared.known |= DECLARED_PRIVILEGED;
	}
}

void claim_mark_image_labels(struct claim *claim, const json_t *image)
{
	const json_t *labels = json_object_get(image, "Labels");

	for (size_t i = 0; i < claim->label_count; i++) {
		struct label *label = &claim->labels[i];
		const char *value = json_string_value(json_object_get(labels, label->name));
		label->of_image = !image || (value && !strcmp(value, label->value));
	}
}

void claim_read_labels(struct claim *claim)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		const char **text = (const char **)((char *)claim + meanings[i].offset);
		if (!*text)
			*text = value_of(claim, meanings[i].label);
	}
	if (!claim->pod.container && is_sandbox(claim))
		claim->pod.container = "POD";
	read_privileged(claim);
}
