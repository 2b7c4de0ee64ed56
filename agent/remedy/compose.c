/* Members of a service of a Compose file. */
#include "agent/remedy/writer.h"

/* Members that are to be taken away. */
static const struct {
	enum change_kind kind;
	const char *leave_out[2];
} members[] = {
	{CHANGE_SECCOMP, {"security_opt: seccomp:unconfined"}},
	{CHANGE_LSM, {"security_opt: apparmor:unconfined", "security_opt: label:disable"}},
	{CHANGE_KERNEL_FILES, {"security_opt: systempaths:unconfined"}},
	{CHANGE_PID_NAMESPACE, {"pid: host"}},
	{CHANGE_NETWORK_NAMESPACE, {"network_mode: host"}},
	{CHANGE_UTS_NAMESPACE, {"uts: host"}},
};

static void put_left_out(struct writer *writer)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		for (size_t k = 0; plan_has(writer->plan, members[i].kind) && k < 2; k++)
			if (members[i].leave_out[k])
				writer_leave_out(writer, "%s", members[i].leave_out[k]);
	if (plan_has(writer->plan, CHANGE_CAPABILITIES))
		writer_leave_out_capabilities(writer, "cap_add: ");
	if (plan_has(writer->plan, CHANGE_DEVICES))
		writer_leave_out_devices(writer, "devices: ");
	if (plan_has(writer->plan, CHANGE_MOUNTS))
		writer_leave_out_mounts(writer, "volumes: ");
}

static void put_privileges(struct writer *writer, json_t *service)
{
	const struct plan *plan = writer->plan;

	if (plan_has(plan, CHANGE_IMAGE))
		writer_put_text(writer, service, "image", plan->facts.image);
	if (plan_has(plan, CHANGE_PRIVILEGED))
		writer_put(writer, service, "privileged", json_false());
	if (plan_has(plan, CHANGE_CAPABILITIES))
		writer_append_text(writer, writer_array(writer, service, "cap_drop"), "ALL");
	if (plan_has(plan, CHANGE_CAPABILITIES) && plan->facts.keep)
		writer_append_capabilities(writer, writer_array(writer, service, "cap_add"),
					   plan->facts.keep);
	if (plan_has(plan, CHANGE_USER))
		writer_put_text(writer, service, "user", plan->facts.user);
	if (plan_has(plan, CHANGE_NEW_PRIVILEGES))
		writer_append_text(writer, writer_array(writer, service, "security_opt"),
				   "no-new-privileges:true");
	if (plan_has(plan, CHANGE_IPC_NAMESPACE))
		writer_put_text(writer, service, "ipc", "private");
	if (plan_has(plan, CHANGE_CGROUP_NAMESPACE))
		writer_put_text(writer, service, "cgroup", "private");
}

static void put_resources(struct writer *writer, json_t *service)
{
	const struct plan *plan = writer->plan;
	const struct path_list *writable = &plan->facts.writable;

	if (plan_has(plan, CHANGE_READ_ONLY_ROOT)) {
		writer_put(writer, service, "read_only", json_true());
		for (size_t i = 0; i < writable->count; i++)
			writer_append_text(writer, writer_array(writer, service, "tmpfs"),
					   writer_tmpfs(writer, writable->paths[i]));
	}
	if (plan_has(plan, CHANGE_MEMORY)) {
		writer_put_text(writer, service, "mem_limit", "512m");
		writer_put_text(writer, service, "memswap_limit", "512m");
	}
	if (plan_has(plan, CHANGE_CPU))
		writer_put(writer, service, "cpus", json_real(0.5));
	if (plan_has(plan, CHANGE_PIDS))
		writer_put(writer, service, "pids_limit", json_integer(200));
}

int write_compose(struct plan *plan, struct arena *arena)
{
	struct writer writer = writer_start(plan, arena);
	json_t *services = writer_object(&writer, writer.fragment, "services");
	json_t *service = writer_object(&writer, services, plan->facts.name);

	put_privileges(&writer, service);
	put_resources(&writer, service);
	put_left_out(&writer);
	return writer_finish(&writer, json_object_size(service) ? writer_yaml(writer.fragment, arena) : "");
}
