"""Files of containers: found at their own paths, once, whatever they mount."""

import json
import os
import shutil
import stat
import struct
import subprocess
import unittest

import harness
from containers import Container, bind, needs_containers, user_namespace
from files import CLONE_NEWNS, LIBC, FilesCase, attribute, check, make


def with_bind(source, destination, *options):
    return lambda config: config["mounts"].append(bind(source, destination, *options))


def with_mount(destination, kind, *options):
    return lambda config: config["mounts"].append(
        {"destination": destination, "type": kind, "source": kind, "options": list(options)})


def setuid_file(root):
    make(f"{root}/bin/setuid", 0o4755)


@needs_containers
class ContainerTest(FilesCase):
    def inside(self, container, *arguments):
        """What is found in one container, by path, and the coverage."""
        found, coverage = self.files("--container", container.id, *arguments)
        self.assertEqual({file["container_id"] for file in found.values()} - {container.id}, set())
        return found, coverage

    def mount_inside(self, container, source, point, kind, options):
        """mount(2) by a child that enters the container's mount namespace."""
        child = os.fork()
        if child == 0:
            try:
                check(LIBC.setns(os.open(f"/proc/{container.pid}/ns/mnt", os.O_RDONLY), CLONE_NEWNS), "setns")
                check(LIBC.mount(source, point, kind, 0, options), "mount")
            except OSError as error:
                print("#", error, flush=True)
                os._exit(1)
            os._exit(0)
        self.assertEqual(os.waitpid(child, 0)[1], 0)

    def test_its_own_paths(self):
        def prepare(root):
            setuid_file(root)
            make(f"{root}/bin/capable", 0o755, attribute(harness.mask("CAP_NET_RAW"), 0, True))
            os.symlink("/usr/bin", f"{root}/mnt/host")
            os.mkdir(f"{root}/closed")
            os.chmod(f"{root}/closed", 0o700)
            make(f"{root}/closed/setgid", 0o2755)

        container = Container(self, "files", prepare=prepare)
        found, coverage = self.inside(container)
        self.assertEqual(sorted(found), ["/bin/capable", "/bin/setuid", "/closed/setgid"])
        self.assertEqual(found["/bin/capable"]["capabilities"]["permitted"], ["CAP_NET_RAW"])
        self.assertEqual((found["/bin/setuid"]["reachable"], found["/closed/setgid"]["reachable"]), (True, False))
        self.assertEqual(coverage["missed"], 0, coverage)
        table = self.proctor("files", "--container", container.id).stdout.decode()
        self.assertRegex(table, rf"(?m)-rwsr-xr-x +root +root +1 +{container.id[:12]} +/bin/setuid$")

    def test_hard_links_are_one_finding(self):
        def prepare(root):
            setuid_file(root)
            for name in ("another", "third"):
                os.link(f"{root}/bin/setuid", f"{root}/bin/{name}")

        container = Container(self, "linked", prepare=prepare)
        document = self.document("audit", "--container", container.id)
        found = [finding for finding in document["findings"] if finding["rule"] == "file.setuid"]
        self.assertEqual([finding["subject"]["path"] for finding in found], ["/bin/another"])
        self.assertEqual(found[0]["subject"]["count"], 3)
        self.assertEqual(found[0]["evidence"]["other_paths"], "/bin/setuid, /bin/third")
        self.assertEqual(len([file for file in document["files"] if file["setuid"]]), 3)

    def test_setuid_in_a_user_namespace(self):
        """Whom a program runs as is what the kernel told it (AT_EUID); what is told of its file agrees."""
        def prepare(root):
            for name, owner in (("unmapped", 0), ("root", 100000), ("user", 100033)):
                os.makedirs(f"{root}/opt/{name}")
                shutil.copy(f"{root}/bin/busybox", f"{root}/opt/{name}/busybox")
                os.chown(f"{root}/opt/{name}/busybox", owner, 100000)
                os.chmod(f"{root}/opt/{name}/busybox", 0o4755)

        def user(config):
            config["process"]["user"] = {"uid": 1000, "gid": 1000}
            for kind in ("effective", "permitted"):
                config["process"]["capabilities"][kind] = []

        container = Container(self, "users", user_namespace, user, prepare=prepare)
        runs_as = {name: self.told_euid(container, f"/opt/{name}/busybox") for name in ("unmapped", "root", "user")}
        self.assertEqual(runs_as, {"unmapped": 1000, "root": 0, "user": 33})
        document = self.document("audit", "--container", container.id)
        told = {finding["subject"]["path"]: finding for finding in document["findings"]
                if finding["rule"] == "file.setuid"}
        self.assertEqual({path: finding["severity"] for path, finding in told.items()},
                         {"/opt/unmapped/busybox": "info", "/opt/root/busybox": "low",
                          "/opt/user/busybox": "low"})
        self.assertIn("not mapped", told["/opt/unmapped/busybox"]["evidence"]["obstacle"])
        regain = [finding for finding in document["findings"] if finding["rule"] == "process.root-regain"]
        self.assertTrue(regain)
        for finding in regain:
            self.assertEqual((finding["severity"], finding["evidence"].get("file")), ("low", "/opt/root/busybox"))

    def told_euid(self, container, executable):
        pid = container.execute(argv=[executable, "cat"])
        self.wait_for(lambda: os.readlink(f"/proc/{pid}/exe") == executable)  # no longer the runtime
        with open(f"/proc/{pid}/auxv", "rb") as file:
            words = struct.iter_unpack("@LL", file.read())
        return dict(words)[12]  # AT_EUID

    def test_beside_the_host(self):
        container = Container(self, "beside", prepare=setuid_file)
        document = self.document("files")
        inode = os.stat(f"{container.root}/bin/setuid").st_ino
        told = [(file["path"], file.get("container_id")) for file in document["files"]
                if file["inode"] == inode and file["path"].endswith("/bin/setuid")]
        self.assertEqual(told, [("/bin/setuid", container.id), (f"{container.root}/bin/setuid", None)])
        hosts = [file.get("container_id") is None for file in document["files"]]
        self.assertEqual(hosts, sorted(hosts), "the host comes last")
        lines = self.proctor("files", "--format", "ndjson").stdout
        self.assertTrue(lines.startswith(b'{"type":"header"'))
        streamed = [json.loads(line) for line in lines.splitlines()]
        self.assertEqual(sorted((line["path"], line.get("container_id") or "") for line in streamed
                                if line.get("inode") == inode and line["path"].endswith("/bin/setuid")),
                         sorted((path, identity or "") for path, identity in told))

    def test_owner_in_a_user_namespace(self):
        def prepare(root):
            setuid_file(root)
            for path, directories, names in os.walk(root):
                for name in [".", *directories, *names]:
                    os.lchown(f"{path}/{name}", 100000, 100000)
            os.chmod(f"{root}/bin/setuid", 0o4755)

        container = Container(self, "users", user_namespace, prepare=prepare)
        file = self.inside(container)[0]["/bin/setuid"]
        self.assertEqual((file["uid"], file["container_uid"], file["gid"], file["container_gid"]),
                         (100000, 0, 100000, 0))
        table = self.proctor("files", "--container", container.id).stdout.decode()
        self.assertRegex(table, r"100000 \(0 inside\) +100000 \(0 inside\)")

    def test_volume_of_two(self):
        volume = self.scratch()
        make(f"{volume}/setuid", 0o4755)
        containers = [Container(self, name, with_bind(volume, "/mnt")) for name in ("one", "two")]
        document = self.document("files", "--exclude", "/usr", "--exclude", "/root", "--exclude", "/home")
        told = [file for file in document["files"] if file["path"] == "/mnt/setuid"]
        self.assertEqual(len(told), 1)
        self.assertIn(told[0]["container_id"], [container.id for container in containers])
        self.assertIn(f"{volume}/setuid", [file["path"] for file in document["files"]])
        for container in containers:
            self.assertEqual(list(self.inside(container)[0]), ["/mnt/setuid"])

    def test_volume_that_one_covers(self):
        """A container hides no part of a volume from the walk of another by what it mounts there."""
        volume = self.scratch()
        os.mkdir(f"{volume}/bin")
        make(f"{volume}/bin/setuid", 0o4755)
        containers = sorted((Container(self, name, with_bind(volume, "/mnt")) for name in ("one", "two")),
                            key=lambda container: container.id)
        self.mount_inside(containers[0], b"tmpfs", b"/mnt/bin", b"tmpfs", b"")
        document = self.document("files", "--exclude", "/usr", "--exclude", "/root", "--exclude", "/home")
        told = [file["container_id"] for file in document["files"] if file["path"] == "/mnt/bin/setuid"]
        self.assertEqual(told, [containers[1].id])

    def test_more_than_is_kept(self):
        """Files without end, at long paths, fill no memory: what is left out is told."""
        def prepare(root):
            place = root + "/" + "/".join(["d" * 250] * 14)
            os.makedirs(place)
            make(f"{place}/setuid", 0o4755)
            for number in range(9999):
                os.link(f"{place}/setuid", f"{place}/{number}")

        container = Container(self, "endless", prepare=prepare)
        found, coverage = self.inside(container)
        self.assertGreater(len(found), 5000)
        self.assertLess(len(found), 10000)
        reason = self.assertReason(coverage, "would take more than 32 MiB", container.id[:12])
        self.assertEqual(reason["count"] + len(found), 10000)
        self.assertEqual(coverage["missed"], reason["count"])

    def test_root_of_the_host(self):
        """Bound into a container, it is still the host's."""
        container = Container(self, "host", with_bind("/", "/mnt", "rslave", "rw"), prepare=setuid_file)
        place = self.scratch()
        make(f"{place}/setuid", 0o4755)
        only = ["--exclude", "*/usr", "--exclude", "*/root", "--exclude", "*/home", "--exclude", "*/opt"]
        document = self.document("files", *only)
        told = {(file["path"], file.get("container_id")) for file in document["files"]}
        self.assertIn((f"{place}/setuid", None), told)
        self.assertNotIn((f"/mnt{place}/setuid", container.id), told)
        self.assertIn(("/bin/setuid", container.id), told)
        self.assertIn(f"/mnt{place}/setuid", self.inside(container, *only)[0])

    def test_options_of_its_mounts(self):
        container = Container(self, "options", with_mount("/var/a", "tmpfs", "nosuid"),
                              with_mount("/var/b", "tmpfs", "noexec"))
        for name in ("a", "b"):
            make(f"/proc/{container.pid}/root/var/{name}/setuid", 0o4755)
        found, _ = self.inside(container)
        self.assertEqual({path: (file["nosuid"], file["noexec"]) for path, file in found.items()},
                         {"/var/a/setuid": (True, False), "/var/b/setuid": (False, True)})

    def test_on_its_proc(self):
        """What is mounted on /proc is found as anything else."""
        container = Container(self, "proc")
        self.mount_inside(container, b"tmpfs", b"/proc/driver", b"tmpfs", b"")
        make(f"/proc/{container.pid}/root/proc/driver/setuid", 0o4755)
        found, coverage = self.inside(container)
        self.assertEqual(list(found), ["/proc/driver/setuid"])
        self.assertEqual(coverage["missed"], 0)

    @unittest.skipUnless(os.path.exists("/dev/fuse"), "no /dev/fuse")
    def test_file_system_that_never_answers(self):
        container = Container(self, "silent", prepare=setuid_file)
        for point, mode in (("/mnt", stat.S_IFDIR), ("/bin/busybox", stat.S_IFREG)):
            server = os.open("/dev/fuse", os.O_RDWR)
            self.undo(os.close, server)
            options = f"fd={server},rootmode={mode:o},user_id=0,group_id=0"
            self.mount_inside(container, b"silent", point.encode(), b"fuse.silent", options.encode())
        found, coverage = self.inside(container)
        self.assertEqual(list(found), ["/bin/setuid"])
        self.assertReason(coverage, "fuse", count=2)
        self.assertEqual(coverage["missed"], 2)

    def test_in_the_mounts_of_the_host(self):
        """A process in a runtime's cgroup with the host's mounts is the host's, and so are the files."""
        identity = os.urandom(32).hex()
        top = next(path for path in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified", "/sys/fs/cgroup")
                   if os.path.exists(f"{path}/cgroup.procs"))
        group = f"{top}/docker/{identity}"
        os.makedirs(group)
        self.undo(os.rmdir, group)
        process = self.helper("fork", 0)
        with open(f"{group}/cgroup.procs", "w", encoding="ascii") as file:
            file.write(str(process.pid))
        self.undo(harness.stop, process)
        place = self.scratch()
        make(f"{place}/setuid", 0o4755)
        only = ["--exclude", "/usr", "--exclude", "/root", "--exclude", "/home"]
        found, _ = self.files(*only)
        self.assertNotIn("container_id", found[f"{place}/setuid"])
        result = self.proctor("files", *only, "--container", identity, status=3)
        self.assertOneLine(result.stderr, identity)

    def test_none_of_that_name(self):
        result = self.proctor("files", "--container", "no-such-container", status=3)
        self.assertOneLine(result.stderr, "no-such-container")
        self.assertEqual(result.stdout, b"")
        result = self.proctor("files", "--container", "x", "/usr", status=2)
        self.assertOneLine(result.stderr, "--container")

    def test_ends_meanwhile(self):
        """A container that is deleted while files are walked: what was found stays, nothing fails."""
        for name in ("first", "second", "third"):
            container = Container(self, name, prepare=setuid_file)
            process = subprocess.Popen([harness.PROCTOR, "files", "--container", container.id, "--format", "json"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            container.delete()
            output, errors = process.communicate(timeout=harness.TIMEOUT)
            self.assertIn(process.returncode, (0, 3), errors)
            if process.returncode == 3:
                self.assertOneLine(errors, container.id)
            else:
                self.validate(harness.json.loads(output))


if __name__ == "__main__":
    harness.main()
