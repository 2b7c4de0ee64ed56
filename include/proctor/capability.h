/* Capability sets and their names.
 *
 * Names and numbers come from libcap-ng; a capability the library does not know is named by its number
 * (`cap_41`). No constant stands for "all": how many there are is the kernel's to say
 * (/proc/sys/kernel/cap_last_cap), and what a machine grants may be less. */
#ifndef PROCTOR_CAPABILITY_H
#define PROCTOR_CAPABILITY_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t capability_set;

#define CAPABILITY_MASK(number) ((capability_set)1 << (number))

/* Docker's default set (moby oci/caps/defaults.go), also containerd's, podman's before 4.0 and ECS':
 * chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot mknod
 * audit_write setfcap. */
#define CAPABILITY_DOCKER_DEFAULT ((capability_set)0xa80425fb)

enum {
	CAPABILITY_NAME_SIZE = 32,
	CAPABILITY_BITS = 64, /* that a set has room for */
};

/* The name of capability `number` (0 to 63) as pscap writes it (`net_raw`), into `name`; returns it. */
const char *capability_name(unsigned number, char name[CAPABILITY_NAME_SIZE]);

/* The name as JSON and the task definition's documentation have it: `CAP_NET_RAW`. */
const char *capability_constant(unsigned number, char name[CAPABILITY_NAME_SIZE]);

/* The number of the capability named `name` (any case, with or without `CAP_`, or a number); -1 when
 * there is none. */
int capability_number(const char *name);

/* The name of securebit `bit` (0 to 31) in small letters and without SECBIT_, as `noroot_locked`; `bit_12`
 * for one that has none. Into `name`; returns it. */
const char *securebit_name(unsigned bit, char name[CAPABILITY_NAME_SIZE]);

/* The set of all capabilities up to and with `last` (cap_last_cap). */
capability_set capability_all(unsigned last);

/* The set in the fewest true words: `none`, `full`, `docker-default +sys_ptrace -net_raw`, or its
 * names. `all` is the kernel's whole set. Written into `out` as snprintf(3), whose result it returns. */
size_t capability_words(char *out, size_t size, capability_set set, capability_set all);

/* What each capability lets one do: the text behind `decode` and `explain`. */
struct capability_text {
	unsigned number;
	const char *allows;  /* one sentence: what it lets a process do */
	const char *attack;  /* how an attacker uses it in a container; NULL where it gives little */
	const char *instead; /* what to do instead of granting it; NULL where dropping it is all */
};

/* The text for capability `number`; NULL when there is none (a newer kernel). */
const struct capability_text *capability_describe(unsigned number);

#endif
