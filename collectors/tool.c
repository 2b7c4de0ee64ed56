#include "collectors/tool.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proctor/cleanup.h"
#include "proctor/snapshot.h"

/* ---- by name ----------------------------------------------------------------------------------- */

struct named_tool {
	const char *name;
	uint32_t kinds;
};

/* In the order of strcmp(3). busybox and toybox are what their applets are, also where no link names one. */
static const struct named_tool named_tools[] = {
	{"apk", TOOL_PACKAGE_MANAGER},
	{"apt", TOOL_PACKAGE_MANAGER},
	{"apt-get", TOOL_PACKAGE_MANAGER},
	{"aptitude", TOOL_PACKAGE_MANAGER},
	{"aria2c", TOOL_NETWORK},
	{"as", TOOL_COMPILER},
	{"ash", TOOL_SHELL},
	{"bash", TOOL_SHELL},
	{"bpftrace", TOOL_DEBUGGER},
	{"bundle", TOOL_PACKAGE_MANAGER},
	{"bundler", TOOL_PACKAGE_MANAGER},
	{"busybox", TOOL_SHELL | TOOL_NETWORK},
	{"c++", TOOL_COMPILER},
	{"c89", TOOL_COMPILER},
	{"c99", TOOL_COMPILER},
	{"cargo", TOOL_PACKAGE_MANAGER | TOOL_COMPILER},
	{"cc", TOOL_COMPILER},
	{"clang", TOOL_COMPILER},
	{"clang++", TOOL_COMPILER},
	{"composer", TOOL_PACKAGE_MANAGER},
	{"conda", TOOL_PACKAGE_MANAGER},
	{"corepack", TOOL_PACKAGE_MANAGER},
	{"csh", TOOL_SHELL},
	{"curl", TOOL_NETWORK},
	{"dash", TOOL_SHELL},
	{"dig", TOOL_NETWORK},
	{"dlv", TOOL_DEBUGGER},
	{"dnf", TOOL_PACKAGE_MANAGER},
	{"dpkg", TOOL_PACKAGE_MANAGER},
	{"easy_install", TOOL_PACKAGE_MANAGER},
	{"elvish", TOOL_SHELL},
	{"fish", TOOL_SHELL},
	{"ftp", TOOL_NETWORK},
	{"g++", TOOL_COMPILER},
	{"gcc", TOOL_COMPILER},
	{"gcore", TOOL_DEBUGGER},
	{"gdb", TOOL_DEBUGGER},
	{"gdbserver", TOOL_DEBUGGER},
	{"gem", TOOL_PACKAGE_MANAGER},
	{"gfortran", TOOL_COMPILER},
	{"go", TOOL_PACKAGE_MANAGER | TOOL_COMPILER},
	{"hush", TOOL_SHELL},
	{"javac", TOOL_COMPILER},
	{"jdb", TOOL_DEBUGGER},
	{"ksh", TOOL_SHELL},
	{"ksh93", TOOL_SHELL},
	{"ld", TOOL_COMPILER},
	{"ld.bfd", TOOL_COMPILER},
	{"ld.gold", TOOL_COMPILER},
	{"ld.lld", TOOL_COMPILER},
	{"ld.mold", TOOL_COMPILER},
	{"lftp", TOOL_NETWORK},
	{"lksh", TOOL_SHELL},
	{"lldb", TOOL_DEBUGGER},
	{"lldb-server", TOOL_DEBUGGER},
	{"ltrace", TOOL_DEBUGGER},
	{"mamba", TOOL_PACKAGE_MANAGER},
	{"masscan", TOOL_NETWORK},
	{"microdnf", TOOL_PACKAGE_MANAGER},
	{"micromamba", TOOL_PACKAGE_MANAGER},
	{"mksh", TOOL_SHELL},
	{"mold", TOOL_COMPILER},
	{"nc", TOOL_NETWORK},
	{"nc.openbsd", TOOL_NETWORK},
	{"nc.traditional", TOOL_NETWORK},
	{"ncat", TOOL_NETWORK},
	{"netcat", TOOL_NETWORK},
	{"nmap", TOOL_NETWORK},
	{"npm", TOOL_PACKAGE_MANAGER},
	{"npx", TOOL_PACKAGE_MANAGER},
	{"nslookup", TOOL_NETWORK},
	{"oksh", TOOL_SHELL},
	{"opkg", TOOL_PACKAGE_MANAGER},
	{"pacman", TOOL_PACKAGE_MANAGER},
	{"pdksh", TOOL_SHELL},
	{"perf", TOOL_DEBUGGER},
	{"pip", TOOL_PACKAGE_MANAGER},
	{"pipenv", TOOL_PACKAGE_MANAGER},
	{"pipx", TOOL_PACKAGE_MANAGER},
	{"pnpm", TOOL_PACKAGE_MANAGER},
	{"poetry", TOOL_PACKAGE_MANAGER},
	{"posh", TOOL_SHELL},
	{"pwsh", TOOL_SHELL},
	{"rbash", TOOL_SHELL},
	{"rpm", TOOL_PACKAGE_MANAGER},
	{"rsync", TOOL_NETWORK},
	{"rustc", TOOL_COMPILER},
	{"rustup", TOOL_PACKAGE_MANAGER},
	{"sash", TOOL_SHELL},
	{"scp", TOOL_NETWORK},
	{"sftp", TOOL_NETWORK},
	{"sh", TOOL_SHELL},
	{"socat", TOOL_NETWORK},
	{"ssh", TOOL_NETWORK},
	{"strace", TOOL_DEBUGGER},
	{"tcc", TOOL_COMPILER},
	{"tcpdump", TOOL_NETWORK},
	{"tcsh", TOOL_SHELL},
	{"tdnf", TOOL_PACKAGE_MANAGER},
	{"telnet", TOOL_NETWORK},
	{"tftp", TOOL_NETWORK},
	{"toybox", TOOL_NETWORK},
	{"tshark", TOOL_NETWORK},
	{"uv", TOOL_PACKAGE_MANAGER},
	{"wget", TOOL_NETWORK},
	{"xonsh", TOOL_SHELL},
	{"yarn", TOOL_PACKAGE_MANAGER},
	{"yash", TOOL_SHELL},
	{"yum", TOOL_PACKAGE_MANAGER},
	{"zsh", TOOL_SHELL},
	{"zypper", TOOL_PACKAGE_MANAGER},
};

static int compare_name(const void *name, const void *entry)
{
	return strcmp(name, ((const struct named_tool *)entry)->name);
}

static uint32_t kinds_of(const char *name)
{
	const struct named_tool *found =
		bsearch(name, named_tools, sizeof(named_tools) / sizeof(named_tools[0]),
			sizeof(named_tools[0]), compare_name);

	return found ? found->kinds : 0;
}

/* The length of the name without the version behind it: `-12`, `3`, `-3.11`. */
static size_t without_version(const char *name)
{
	size_t length = strlen(name);

	while (length && strchr("0123456789.", name[length - 1]))
		length--;
	while (length && name[length - 1] == '-')
		length--;
	return length;
}

/* What stands behind the machine that a tool is for, `x86_64-linux-gnu-`; NULL: no machine. */
static const char *behind_machine(const char *name)
{
	const char *first = strchr(name, '-'), *last = strrchr(name, '-');

	return first != last ? last + 1 : NULL;
}

uint32_t tool_kinds(const char *name)
{
	uint32_t kinds = kinds_of(name);
	size_t length = kinds ? 0 : without_version(name);
	char bare[NAME_MAX + 1];
	const char *compiler;

	if (kinds || !length || length > NAME_MAX)
		return kinds;
	memcpy(bare, name, length);
	bare[length] = '\0';
	compiler = behind_machine(bare);
	return compiler ? kinds_of(compiler) & TOOL_COMPILER : kinds_of(bare);
}

bool tool_is_named(const char *name)
{
	return tool_kinds(name) != 0;
}

/* ---- by where it lies -------------------------------------------------------------------------- */

/* Where packages keep programs of their own and scripts that others call, whatever those are named: apt's
 * method `ftp`, the init script `ssh`. */
static const char *const private_places[] = {
	"/boot",      "/etc",         "/lib",       "/lib32",         "/lib64",
	"/libx32",    "/usr/lib",     "/usr/lib32", "/usr/lib64",     "/usr/libx32",
	"/usr/share", "/usr/libexec", "/usr/src",   "/usr/local/lib", "/usr/local/share",
	"/var/cache", "/var/lib",
};

/* Whether what stands before the last slash of a path ends so. */
static bool lies_in(const char *path, const char *directory)
{
	size_t length = strlen(directory), above = (size_t)(strrchr(path, '/') - path);

	return above >= length && !strncmp(path + above - length, directory, length);
}

bool tool_is_callable(const char *path)
{
	if (lies_in(path, "/bin") || lies_in(path, "/sbin"))
		return true;

	for (size_t i = 0; i < sizeof(private_places) / sizeof(private_places[0]); i++) {
		size_t length = strlen(private_places[i]);
		if (!strncmp(path, private_places[i], length) && path[length] == '/')
			return false;
	}
	return true;
}

/* ---- by what it is ----------------------------------------------------------------------------- */

/* Opens anew, for reading, the very file that the descriptor stands for; without a trace in its access time
 * where that is allowed. */
static int open_for_reading(const char *proc, int descriptor)
{
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	char path[PATH_MAX];
	int opened;

	snprintf(path, sizeof(path), "%s/self/fd/%d", proc, descriptor);
	opened = open(path, flags | O_NOATIME);
	return opened < 0 && errno == EPERM ? open(path, flags) : opened;
}

int tool_is_program(const char *proc, int descriptor)
{
	_cleanup_close_ int opened = open_for_reading(proc, descriptor);
	char start[SELFMAG];
	ssize_t got = opened < 0 ? -1 : pread(opened, start, sizeof(start), 0);

	if (got < 0)
		return -1;
	return (got == SELFMAG && !memcmp(start, ELFMAG, SELFMAG)) || (got >= 2 && !memcmp(start, "#!", 2));
}
