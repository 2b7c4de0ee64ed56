/* A drop-in of a service (systemd.exec(5)). */
#include "agent/remedy/writer.h"

/* `CAP_CHOWN CAP_KILL`; NULL without memory. */
static const char *set_text(capability_set set, struct arena *arena)
{
	const char *text = "";
	char name[CAPABILITY_NAME_SIZE];

	for (unsigned number = 0; number < 64 && text; number++)
		if (set & CAPABILITY_MASK(number))
			text = arena_printf(arena, "%s%s%s", text, *text ? " " : "",
					    capability_constant(number, name));
	return text;
}

int write_systemd(struct plan *plan, struct arena *arena)
{
	struct writer writer = writer_start(plan, arena);
	json_t *service = writer_object(&writer, writer.fragment, "Service");
	const char *set = set_text(plan->facts.keep, arena), *text = NULL;

	writer_put_text(&writer, service, "CapabilityBoundingSet", set ? set : "");
	writer_put_text(&writer, service, "AmbientCapabilities", "");
	writer_put_text(&writer, service, "NoNewPrivileges", "yes");
	if (set)
		text = arena_printf(arena,
				    "[Service]\n"
				    "CapabilityBoundingSet=%s\n"
				    "# With User=: the same as above.\n"
				    "AmbientCapabilities=\n"
				    "# Set-user-ID programs and file capabilities give nothing then.\n"
				    "NoNewPrivileges=yes\n",
				    set);
	return writer_finish(&writer, text);
}
