/* Members of a pod. */
#include "agent/remedy/writer.h"

static void put_pod(struct writer *writer, json_t *spec)
{
	const struct plan *plan = writer->plan;

	if (plan_has(plan, CHANGE_PID_NAMESPACE))
		writer_put(writer, spec, "hostPID", json_false());
	if (plan_has(plan, CHANGE_NETWORK_NAMESPACE) || plan_has(plan, CHANGE_UTS_NAMESPACE))
		writer_put(writer, spec, "hostNetwork", json_false());
	if (plan_has(plan, CHANGE_IPC_NAMESPACE))
		writer_put(writer, spec, "hostIPC", json_false());
}

static void put_user(struct writer *writer, json_t *security)
{
	writer_put(writer, security, "runAsNonRoot", json_true());
	writer_put(writer, security, "runAsUser", json_integer(writer->plan->facts.uid));
	writer_put(writer, security, "runAsGroup", json_integer(writer->plan->facts.gid));
}

static void put_capabilities(struct writer *writer, json_t *security)
{
	json_t *capabilities = writer_object(writer, security, "capabilities");
	capability_set keep = writer->plan->facts.keep;

	writer_append_text(writer, writer_array(writer, capabilities, "drop"), "ALL");
	if (keep)
		writer_append_capabilities(writer, writer_array(writer, capabilities, "add"), keep);
}

static void put_security(struct writer *writer, json_t *container)
{
	const struct plan *plan = writer->plan;
	json_t *security = writer_object(writer, container, "securityContext");

	if (plan_has(plan, CHANGE_PRIVILEGED))
		writer_put(writer, security, "privileged", json_false());
	if (plan_has(plan, CHANGE_CAPABILITIES))
		put_capabilities(writer, security);
	if (plan_has(plan, CHANGE_USER))
		put_user(writer, security);
	if (plan_has(plan, CHANGE_NEW_PRIVILEGES))
		writer_put(writer, security, "allowPrivilegeEscalation", json_false());
	if (plan_has(plan, CHANGE_SECCOMP) || plan_has(plan, CHANGE_PRIVILEGED)) /* a pod has it if it asks */
		writer_put_text(writer, writer_object(writer, security, "seccompProfile"), "type",
				"RuntimeDefault");
	if (plan_has(plan, CHANGE_LSM))
		writer_put_text(writer, writer_object(writer, security, "appArmorProfile"), "type",
				"RuntimeDefault");
	if (plan_has(plan, CHANGE_KERNEL_FILES))
		writer_put_text(writer, security, "procMount", "Default");
	if (plan_has(plan, CHANGE_READ_ONLY_ROOT))
		writer_put(writer, security, "readOnlyRootFilesystem", json_true());
	if (!json_object_size(security))
		json_object_del(container, "securityContext");
}

static void put_limits(struct writer *writer, json_t *container)
{
	const struct plan *plan = writer->plan;

	if (plan_has(plan, CHANGE_MEMORY))
		writer_put_text(
			writer,
			writer_object(writer, writer_object(writer, container, "resources"), "limits"),
			"memory", "512Mi");
	if (plan_has(plan, CHANGE_CPU))
		writer_put_text(
			writer,
			writer_object(writer, writer_object(writer, container, "resources"), "limits"), "cpu",
			"500m");
}

/* A directory that stays writable: an emptyDir of the pod, mounted in the container. */
static void put_volume(struct writer *writer, json_t *spec, json_t *container, const char *path,
		       size_t number)
{
	json_t *volume = json_pack("{s:o, s:{s:s}}", "name", json_sprintf("writable-%zu", number), "emptyDir",
				   "sizeLimit", "64Mi");
	json_t *mount =
		json_pack("{s:o, s:s}", "name", json_sprintf("writable-%zu", number), "mountPath", path);

	writer_append(writer, writer_array(writer, container, "volumeMounts"), mount);
	writer_append(writer, writer_array(writer, spec, "volumes"), volume);
}

static void put_left_out(struct writer *writer)
{
	if (plan_has(writer->plan, CHANGE_CAPABILITIES))
		writer_leave_out_capabilities(writer, "securityContext.capabilities.add: ");
	if (plan_has(writer->plan, CHANGE_DEVICES))
		writer_leave_out_devices(writer, "volumes: hostPath: ");
	if (plan_has(writer->plan, CHANGE_MOUNTS))
		writer_leave_out_mounts(writer, "volumes: hostPath, and its volumeMounts: ");
}

int write_kubernetes(struct plan *plan, struct arena *arena)
{
	struct writer writer = writer_start(plan, arena);
	json_t *spec = writer_object(&writer, writer.fragment, "spec");
	json_t *container = json_object();
	const struct path_list *writable = &plan->facts.writable;
	bool empty;

	put_pod(&writer, spec);
	writer_append(&writer, writer_array(&writer, spec, "containers"), container);
	writer_put_text(&writer, container, "name", plan->facts.name);
	if (plan_has(plan, CHANGE_IMAGE))
		writer_put_text(&writer, container, "image", plan->facts.image);
	put_security(&writer, container);
	put_limits(&writer, container);
	for (size_t i = 0; plan_has(plan, CHANGE_READ_ONLY_ROOT) && i < writable->count; i++)
		put_volume(&writer, spec, container, writable->paths[i], i + 1);
	put_left_out(&writer);
	empty = json_object_size(container) < 2 && json_object_size(spec) < 2;
	return writer_finish(&writer, empty ? "" : writer_yaml(writer.fragment, arena));
}
