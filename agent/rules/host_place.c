#include "agent/rules/host_place.h"

#include <string.h>

/* The deepest that fits counts. */
static const struct host_place host_places[] = {
	{"/", true, SEVERITY_HIGH, SEVERITY_CRITICAL, "the host's whole file system"},
	{"/bin", false, SEVERITY_INFO, SEVERITY_CRITICAL, "programs that the host's root runs"},
	{"/boot", false, SEVERITY_LOW, SEVERITY_CRITICAL, "the host's kernel and boot loader"},
	{"/dev", true, SEVERITY_HIGH, SEVERITY_CRITICAL, "all device nodes of the host"},
	{"/dev", false, SEVERITY_LOW, SEVERITY_MEDIUM, "device nodes of the host"},
	{"/etc", true, SEVERITY_HIGH, SEVERITY_CRITICAL, "the host's configuration and password hashes"},
	{"/etc", false, SEVERITY_LOW, SEVERITY_HIGH, "a part of the host's configuration"},
	{"/etc/cron.d", false, SEVERITY_LOW, SEVERITY_CRITICAL, "jobs that cron runs as root"},
	{"/etc/crontab", false, SEVERITY_LOW, SEVERITY_CRITICAL, "jobs that cron runs as root"},
	{"/etc/docker", false, SEVERITY_MEDIUM, SEVERITY_CRITICAL, "the configuration of docker"},
	{"/etc/ecs", false, SEVERITY_MEDIUM, SEVERITY_CRITICAL, "the configuration of the ECS agent"},
	{"/etc/kubernetes", false, SEVERITY_HIGH, SEVERITY_CRITICAL, "keys and manifests of the kubelet"},
	{"/etc/ld.so.preload", false, SEVERITY_INFO, SEVERITY_CRITICAL,
	 "libraries that every program of the host loads"},
	{"/etc/localtime", false, SEVERITY_INFO, SEVERITY_LOW, "the host's time zone"},
	{"/etc/machine-id", false, SEVERITY_INFO, SEVERITY_LOW, "the host's id"},
	{"/etc/os-release", false, SEVERITY_INFO, SEVERITY_LOW, "the name of the host's distribution"},
	{"/etc/pam.d", false, SEVERITY_LOW, SEVERITY_CRITICAL, "how the host lets users in"},
	{"/etc/passwd", false, SEVERITY_LOW, SEVERITY_CRITICAL, "the users of the host"},
	{"/etc/pki", false, SEVERITY_MEDIUM, SEVERITY_HIGH, "certificates and keys of the host"},
	{"/etc/shadow", false, SEVERITY_HIGH, SEVERITY_CRITICAL, "the password hashes of the host"},
	{"/etc/ssh", false, SEVERITY_HIGH, SEVERITY_CRITICAL, "the host's SSH keys and configuration"},
	{"/etc/ssl/certs", false, SEVERITY_INFO, SEVERITY_HIGH, "the certificates that the host trusts"},
	{"/etc/sudoers", false, SEVERITY_MEDIUM, SEVERITY_CRITICAL, "who may become root on the host"},
	{"/etc/sudoers.d", false, SEVERITY_MEDIUM, SEVERITY_CRITICAL, "who may become root on the host"},
	{"/etc/systemd", false, SEVERITY_LOW, SEVERITY_CRITICAL, "units that systemd runs as root"},
	{"/etc/timezone", false, SEVERITY_INFO, SEVERITY_LOW, "the host's time zone"},
	{"/home", false, SEVERITY_MEDIUM, SEVERITY_HIGH, "home directories of the host, SSH keys among them"},
	{"/lib", false, SEVERITY_INFO, SEVERITY_CRITICAL, "libraries that the host's root loads"},
	{"/lib64", false, SEVERITY_INFO, SEVERITY_CRITICAL, "libraries that the host's root loads"},
	{"/opt", false, SEVERITY_INFO, SEVERITY_MEDIUM, "software of the host"},
	{"/proc", false, SEVERITY_HIGH, SEVERITY_CRITICAL, "the host's processes and kernel settings"},
	{"/root", false, SEVERITY_HIGH, SEVERITY_CRITICAL, "the home directory of the host's root"},
	{"/run", true, SEVERITY_HIGH, SEVERITY_CRITICAL, "the sockets of the host's services"},
	{"/run", false, SEVERITY_LOW, SEVERITY_MEDIUM, "state of a service of the host"},
	{"/sbin", false, SEVERITY_INFO, SEVERITY_CRITICAL, "programs that the host's root runs"},
	{"/sys", false, SEVERITY_MEDIUM, SEVERITY_HIGH, "the host's devices and kernel settings"},
	{"/tmp", false, SEVERITY_LOW, SEVERITY_MEDIUM, "temporary files and sockets of the host"},
	{"/usr", false, SEVERITY_INFO, SEVERITY_CRITICAL, "programs and libraries of the host"},
	{"/usr/share", false, SEVERITY_INFO, SEVERITY_HIGH, "data of the host's programs"},
	{"/usr/src", false, SEVERITY_INFO, SEVERITY_MEDIUM, "kernel headers of the host"},
	{"/var", true, SEVERITY_HIGH, SEVERITY_CRITICAL, "state of all services of the host"},
	{"/var/lib", true, SEVERITY_HIGH, SEVERITY_CRITICAL, "state of all services of the host"},
	{"/var/lib/cloud", false, SEVERITY_MEDIUM, SEVERITY_CRITICAL, "user data and scripts of cloud-init"},
	{"/var/lib/containerd", false, SEVERITY_HIGH, SEVERITY_CRITICAL, "files of every container"},
	{"/var/lib/containers", false, SEVERITY_HIGH, SEVERITY_CRITICAL, "files of every container"},
	{"/var/lib/docker", false, SEVERITY_HIGH, SEVERITY_CRITICAL, "files of every container"},
	{"/var/lib/ecs", false, SEVERITY_HIGH, SEVERITY_CRITICAL, "state and credentials of the ECS agent"},
	{"/var/lib/etcd", false, SEVERITY_HIGH, SEVERITY_CRITICAL, "every secret of the cluster"},
	{"/var/lib/kubelet", false, SEVERITY_HIGH, SEVERITY_CRITICAL, "secrets and volumes of every pod"},
	{"/var/log", false, SEVERITY_LOW, SEVERITY_MEDIUM, "the host's logs"},
	{"/var/spool/cron", false, SEVERITY_LOW, SEVERITY_CRITICAL, "jobs that cron runs as root"},
	{"/var/tmp", false, SEVERITY_LOW, SEVERITY_MEDIUM, "temporary files of the host"},
};

const struct host_place *host_place_of(const char *path)
{
	static const struct host_place other = {NULL, false, SEVERITY_INFO, SEVERITY_LOW,
						"files of the host"};
	const struct host_place *found = &other;
	size_t depth = 0;

	for (size_t i = 0; i < sizeof(host_places) / sizeof(host_places[0]); i++) {
		const struct host_place *place = &host_places[i];
		const char *rest = path_behind(place->path, path);
		bool exact = rest && (!*rest || !strcmp(rest, "/"));
		size_t length = strlen(place->path);
		if (!rest || (place->alone && !exact) || length < depth || (length == depth && found->alone))
			continue;
		found = place;
		depth = length;
	}
	return found;
}

const char *path_behind(const char *top, const char *path)
{
	size_t length = strcmp(top, "/") ? strlen(top) : 0;

	if (strncmp(top, path, length) != 0 || (path[length] && path[length] != '/'))
		return NULL;
	return path + length;
}
