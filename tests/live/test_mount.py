"""Mount tables of thousands of lines, with hostile names, and daemons with private mounts, which are no
containers."""

import json
import os

import harness
from containers import Container, bind, grant, needs_containers, user_namespace
from harness import AUDIT, DOCKER_DEFAULT, HELPER, mask, names

MOUNTS = 20000


@harness.needs_root
@harness.needs("unshare")
class MountTest(harness.Case):
    @staticmethod
    def points(process, document):
        """Where the document's mounts of the process's namespace lie."""
        inode = os.stat(f"/proc/{process.pid}/ns/mnt").st_ino
        return [mount["point"] for mount in document["mounts"] if mount["namespace"] == inode]

    def in_namespace(self, script, *arguments):
        """A helper in a mount and pid namespace of its own, where the script ran before."""
        process = self.spawn("unshare", "--mount", "--propagation", "private", "sh", "-ec",
                             script + "\nexec \"$@\"", "sh", HELPER, *arguments)
        return process

    @staticmethod
    def mountinfo(pid):
        with open(f"/proc/{pid}/mountinfo", "rb") as file:
            return file.read().splitlines()

    def test_twenty_thousand_mounts(self):
        place = self.scratch()
        script = f"mount -t tmpfs tmpfs {place}; cd {place}; seq 0 {MOUNTS - 1} | xargs mkdir"
        process = self.in_namespace(script)
        libc = harness.ctypes.CDLL(None, use_errno=True)
        # one mount(2) a directory, from within: mount(8) a thousand times takes long
        pid = os.fork()
        if pid == 0:
            descriptor = os.open(f"/proc/{process.pid}/ns/mnt", os.O_RDONLY)
            failed = libc.setns(descriptor, 0)
            for i in range(MOUNTS):
                failed |= libc.mount(b"tmpfs", f"{place}/{i}".encode(), b"tmpfs", 0, b"size=4k")
            os._exit(1 if failed else 0)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        before = len(self.mountinfo(process.pid))
        self.assertGreaterEqual(before, MOUNTS)
        document = json.loads(self.proctor(*AUDIT, "--format", "json").stdout)  # too much to validate
        points = self.points(process, document)
        self.assertLessEqual({f"{place}/{i}" for i in range(MOUNTS)}, set(points))
        # Who removes a directory that is a mount point elsewhere unmounts it there as well.
        self.assertIn(len(points), range(len(self.mountinfo(process.pid)), before + 1))

    def test_hostile_mount_points(self):
        place = self.scratch()
        names = {"a b": "a b", "tab\there": "tab\\there", "line\nbreak": "line\\nbreak",
                 "back\\slash": "back\\\\slash", "\x1b[31m": "\\x1b[31m", "\udcff": "\\xff", "#hash": "#hash"}
        process = self.in_namespace(f"mount -t tmpfs tmpfs {place}")
        for name in names:
            path = os.path.join(f"/proc/{process.pid}/root{place}", name)
            os.mkdir(path)
            self.run_command("nsenter", "--target", process.pid, "--mount", "mount", "-t", "tmpfs", "tmpfs",
                             os.path.join(place, name))
        self.assertEqual(len([line for line in self.mountinfo(process.pid) if place.encode() + b"/" in line]),
                         len(names))
        document = self.document(*AUDIT)
        table = self.proctor(*AUDIT).stdout
        self.assertNotIn(b"\x1b[31m", table)
        self.assertLessEqual({f"{place}/{escaped}" for escaped in names.values()},
                             set(self.points(process, document)))


@harness.needs_root
@harness.needs("unshare")
class ExecutableTest(harness.Case):
    """On which mount a program lies: as the kernel tells of a descriptor of it."""

    MOUNTS = {
        "tmpfs": "mount -t tmpfs tmpfs {place}; cp {helper} {place}/helper",
        "bind": "mkdir {place}/from {place}/at; cp {helper} {place}/from/helper; "
                "mount --bind {place}/from {place}/at; mount --bind {place}/at {place}",
        "overlay": "mount -t tmpfs tmpfs {place}; cd {place}; mkdir lower upper work; cp {helper} lower/helper; "
                   "mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay {place}; cd /",
    }

    def kernels_word(self, pid):
        descriptor = os.open(f"/proc/{pid}/exe", os.O_PATH)
        try:
            with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as file:
                return int(next(line.split()[1] for line in file if line.startswith("mnt_id:")))
        finally:
            os.close(descriptor)

    def test_like_the_kernel(self):
        for kind, script in self.MOUNTS.items():
            with self.subTest(kind):
                place = self.scratch()
                process = self.spawn("unshare", "--mount", "--propagation", "private", "sh", "-ec",
                                     script.format(place=place, helper=HELPER) + f"; exec {place}/helper")
                document = self.document(*AUDIT, "--pid", process.pid)
                record = document["processes"][0]
                told = record["executable_mount"]
                self.assertEqual(told["id"], self.kernels_word(process.pid))
                self.assertEqual(told["point"], place)
                mounts = [mount for mount in document["mounts"] if mount["id"] == told["id"]
                          and mount["namespace"] == record["namespaces"]["mnt"]]
                self.assertEqual([{name: mount[name] for name in told} for mount in mounts], [told])
                if kind != "bind":
                    self.assertEqual(told["file_system"], kind)

    def test_program_in_memory(self):
        process = self.helper("memfd")
        self.assertNotIn("executable_mount", self.document(*AUDIT, "--pid", process.pid)["processes"][0])


@harness.needs_root
@harness.needs("unshare")
class DaemonTest(harness.Case):
    """What systemd's sandboxing gives a daemon is not a container."""

    def assertHost(self, process):
        document = self.document(*AUDIT)
        record = next(one for one in document["processes"] if one["pid"] == process.pid)
        self.assertNotEqual(record["namespaces"]["mnt"], os.stat("/proc/self/ns/mnt").st_ino)
        self.assertNotIn("container_id", record)
        self.assertEqual([container for container in document["containers"]
                          if container.get("init_pid") == process.pid], [])
        for finding in document["findings"]:
            if process.pid in finding["subject"].get("pids", []):
                self.assertNotRegex(finding["rule"], r"^(container|limit)\.|^mount\.writable-root$")

    def test_private_tmp(self):
        place = self.scratch()
        self.assertHost(self.spawn("unshare", "--mount", "--propagation", "slave", "sh", "-ec",
                                   f"mount --bind {place} /var/tmp; exec {HELPER}"))

    def test_protect_system(self):
        self.assertHost(self.spawn("unshare", "--mount", "--propagation", "slave", "sh", "-ec",
                                   f"mount --bind /usr /usr; mount -o remount,bind,ro /usr; exec {HELPER}"))

    def test_private_network_and_ipc(self):
        self.assertHost(self.spawn("unshare", "--mount", "--net", "--ipc", "--uts", HELPER))


@needs_containers
class RemountTest(harness.Case):
    """Read-only mounts of containers with CAP_SYS_ADMIN: what is told of them beside what mount(8) can do there."""

    @staticmethod
    def read_only(config):
        config["root"]["readonly"] = True
        config["mounts"].append(bind("/etc", "/mnt", "rprivate", "ro"))
        grant(config, names(DOCKER_DEFAULT | mask("CAP_SYS_ADMIN")))

    @staticmethod
    def as_docker_filters(config):
        """Its default filter allows mount(2) to who has CAP_SYS_ADMIN."""
        for rule in config["linux"]["seccomp"]["syscalls"]:
            rule["names"].remove("mount")

    @staticmethod
    def without_filter(config):
        del config["linux"]["seccomp"]

    def remounts(self, container, options, point):
        """Whether it becomes writable: mounted so by a process of the container, seen in its mount table."""
        argv = ["/bin/busybox", "sh", "-c", f"mount -o remount,{options} {point}; exec {container.executable} cat"]
        pid = container.execute(argv=argv)
        self.wait_for(lambda: open(f"/proc/{pid}/cmdline", "rb").read().endswith(b"busybox\0cat\0"))
        with open(f"/proc/{container.pid}/mountinfo", encoding="utf-8") as file:
            return any(line.split()[4:6][0] == point and "rw" in line.split()[5].split(",") for line in file)

    def findings(self, container):
        return {finding["rule"]: finding for finding in
                self.document(*AUDIT, "--container", container.id)["findings"]}

    def test_without_a_filter(self):
        container = Container(self, "free", self.read_only, self.without_filter)
        findings = self.findings(container)
        self.assertEqual((findings["mount.writable-root"]["severity"], findings["mount.host-path"]["severity"]),
                         ("medium", "critical"))
        self.assertTrue(findings["mount.writable-root"]["evidence"]["remountable"])
        self.assertTrue(self.remounts(container, "bind,rw", "/"))

    def test_behind_a_filter_that_allows_it(self):
        container = Container(self, "filtered", self.read_only, self.as_docker_filters)
        findings = self.findings(container)
        self.assertEqual((findings["mount.writable-root"]["severity"], findings["mount.host-path"]["severity"]),
                         ("low", "high"))
        self.assertIn("mount(2)", findings["mount.writable-root"]["evidence"]["remountable_unless"])
        self.assertTrue(self.remounts(container, "bind,rw", "/"))

    def test_in_a_user_namespace(self):
        container = Container(self, "users", user_namespace, self.read_only, self.without_filter)
        findings = self.findings(container)
        self.assertEqual((findings["mount.writable-root"]["severity"], findings["mount.host-path"]["severity"]),
                         ("low", "low"))
        self.assertTrue(findings["mount.writable-root"]["evidence"]["remountable"])
        self.assertTrue(self.remounts(container, "bind,rw", "/"))
        self.assertTrue(self.remounts(container, "bind,rw", "/mnt"))

    def test_what_was_read_only_outside_of_a_user_namespace(self):
        """It is locked: that it may be remounted is told with that reservation."""
        place = self.scratch()
        for options in (["--bind", place, place], ["-o", "remount,bind,ro", place]):
            self.assertEqual(self.run_command("mount", *options).returncode, 0)
        container = Container(self, "locked", user_namespace, self.read_only, self.without_filter,
                              lambda config: config["mounts"].append(bind(place, "/home", "rprivate", "ro")))
        for finding in self.document(*AUDIT, "--container", container.id)["findings"]:
            if finding["rule"] == "mount.host-path" and finding["subject"]["path"] == "/home":
                self.assertIn("read-only already", finding["evidence"]["remountable_unless"])
                break
        else:
            self.fail("the bound directory is not told")
        self.assertFalse(self.remounts(container, "bind,rw", "/home"))


if __name__ == "__main__":
    harness.main()
