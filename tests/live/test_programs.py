"""Programs in use: where they come from, and whether who runs them could replace them."""

import os
import re
import shutil
import subprocess

import harness
from containers import Container, bind, mount, needs_containers
from harness import HELPER

APP = 10001


def copy(source, target, mode=0o755, uid=0, gid=0):
    shutil.copy(source, target)
    os.chown(target, uid, gid)
    os.chmod(target, mode)


def add_helper(root):
    """The tests' helper and the libraries that it needs."""
    text = subprocess.run(["ldd", HELPER], stdout=subprocess.PIPE, check=False).stdout.decode()
    for library in re.findall(r"(/\S+)", text):
        os.makedirs(root + os.path.dirname(library), exist_ok=True)
        shutil.copy(library, root + library)
    shutil.copy(HELPER, f"{root}/bin/helper")
    os.chmod(f"{root}/bin/helper", 0o755)


def tmpfs(point, *options):
    return lambda config: config["mounts"].append(mount(point, "tmpfs", "tmpfs", ["mode=1777", *options]))


def volume(source, point, *options):
    return lambda config: config["mounts"].append(bind(source, point, *options))


@needs_containers
class ProgramsTest(harness.Case):
    def layered(self, prepare=None, options=(), relative=False):
        """Makes an overlay of the container's root: what is there is the image, what comes is above it."""
        def change(root):
            if prepare:
                prepare(root)
            lower = os.path.dirname(root) + "/lower"
            os.rename(root, lower)
            for name in (root, f"{root}.upper", f"{root}.work"):
                os.mkdir(name)
            if relative:
                os.chdir(os.path.dirname(root))
                self.undo(os.chdir, "/")
            lower, upper, work = (os.path.basename(path) if relative else path
                                  for path in (lower, f"{root}.upper", f"{root}.work"))
            result = self.run_command("mount", "-t", "overlay", "overlay", "-o",
                                      ",".join([f"lowerdir={lower},upperdir={upper},workdir={work}", *options]), root)
            self.assertEqual(result.returncode, 0, result.stderr.decode())
            self.undo(subprocess.run, ["umount", "--lazy", root])
        return change

    def audit(self, container):
        document = self.document("audit", "--container", container.id, "--no-collector", "filesystem")
        self.assertEqual([told["id"] for told in document["containers"]], [container.id])
        self.coverage = next(one for one in document["coverage"] if one["collector"] == "program")
        self.container = document["containers"][0]
        self.programs = {program["path"]: program for program in self.container["programs"]}
        self.findings = {(finding["rule"], finding["subject"]["path"]): finding for finding in document["findings"]
                         if finding["rule"] in ("file.drift", "file.writable-executable")}
        return self.findings

    def told(self, container):
        """Severities by rule and path."""
        return {key: finding["severity"] for key, finding in self.audit(container).items()}

    # ---- where they come from

    def test_of_the_image(self):
        container = Container(self, "image", prepare=self.layered(add_helper))
        container.execute(argv=["/bin/helper"])
        self.assertEqual(self.told(container), {})
        self.assertEqual(self.programs, {})
        self.assertGreater(self.container["program_count"], 2)
        self.assertEqual(self.coverage["missed"], 0, self.coverage)
        self.assertEqual(self.coverage["reasons"], [])

    def test_copied(self):
        """To the upper layer, a tmpfs, a volume, and one that is read-only there."""
        writable, fixed = self.scratch(), self.scratch()
        for place in (writable, fixed):
            copy(harness.find_command("busybox"), f"{place}/busybox-v")
        container = Container(self, "drift", tmpfs("/var"), volume(writable, "/mnt"),
                              volume(fixed, "/home", "rprivate", "ro"), prepare=self.layered())
        root = f"/proc/{container.pid}/root"
        copy(f"{root}/bin/busybox", f"{root}/bin/busybox-new")
        copy(f"{root}/bin/busybox", f"{root}/var/busybox-t")
        pids = {path: container.execute(argv=[path, "cat"]) for path in
                ("/bin/busybox-new", "/var/busybox-t", "/mnt/busybox-v", "/home/busybox-v")}
        self.assertEqual(self.told(container), {
            ("file.drift", "/bin/busybox-new"): "medium",
            ("file.drift", "/var/busybox-t"): "high",
            ("file.drift", "/mnt/busybox-v"): "medium",
            ("file.drift", "/home/busybox-v"): "info",
        })
        for path, pid in pids.items():
            self.assertEqual(self.findings[("file.drift", path)]["subject"]["pids"], [pid])
        self.assertEqual({path: (program["origin"], program["mount"]) for path, program in self.programs.items()},
                         {"/bin/busybox-new": ("run-time", "/"), "/var/busybox-t": ("mount", "/var"),
                          "/mnt/busybox-v": ("mount", "/mnt"), "/home/busybox-v": ("mount", "/home")})

    def test_copied_up(self):
        """A change of its mode makes a program the upper layer's."""
        container = Container(self, "chmod", prepare=self.layered())
        os.chmod(f"/proc/{container.pid}/root{container.executable}", 0o700)
        pid = container.execute()
        told = self.told(container)
        self.assertIn(("file.drift", container.executable), told, self.coverage)
        self.assertIn(pid, self.findings[("file.drift", container.executable)]["subject"]["pids"])

    def test_facts_copied_up(self):
        """With metacopy a change of the mode copies no data, and what is written then does."""
        container = Container(self, "metacopy", prepare=self.layered(options=["metacopy=on", "redirect_dir=on"]))
        root = f"/proc/{container.pid}/root"
        os.chmod(f"{root}/bin/busybox", 0o700)
        container.execute(argv=["/bin/busybox", "cat"])
        self.assertEqual(self.told(container), {})
        os.rename(f"{root}{container.executable}", f"{root}/bin/busybox-moved")
        container.execute(argv=["/bin/busybox-moved", "cat"])
        self.assertIn(("file.drift", "/bin/busybox-moved"), self.told(container))

    def test_layers_with_relative_names(self):
        """As docker mounts them where there are many."""
        container = Container(self, "relative", prepare=self.layered(relative=True))
        root = f"/proc/{container.pid}/root"
        copy(f"{root}/bin/busybox", f"{root}/home/busybox-new")
        container.execute(argv=["/home/busybox-new", "cat"])
        self.assertEqual(self.told(container), {("file.drift", "/home/busybox-new"): "medium"}, self.coverage)

    def test_memfd_and_library(self):
        container = Container(self, "memory", tmpfs("/tmp", "exec"), prepare=self.layered(add_helper))
        root = f"/proc/{container.pid}/root"
        libraries = [f"{path}/{name}" for path, _, names in os.walk(f"{root}/lib") for name in names
                     if name.startswith("libc.so")]
        if not libraries:
            self.skipTest("the helper needs no libc of a known name")
        copy(libraries[0], f"{root}/tmp/preloaded.so")
        container.execute(argv=["/bin/helper", "memfd"])
        container.execute("--env", "LD_PRELOAD=/tmp/preloaded.so", argv=["/bin/helper"])
        told = self.told(container)
        memory = [path for rule, path in told if path.startswith("/memfd:")]
        self.assertEqual(len(memory), 1, told)
        self.assertEqual(told, {("file.drift", memory[0]): "high", ("file.drift", "/tmp/preloaded.so"): "high"})
        evidence = self.findings[("file.drift", "/tmp/preloaded.so")]["evidence"]
        self.assertEqual((evidence["used_as"], evidence["type"]), ("library", "tmpfs"))
        self.assertTrue(self.programs[memory[0]]["memfd"])

    def test_deleted(self):
        """It is not the one that lies at its path now."""
        container = Container(self, "deleted", tmpfs("/var"), prepare=self.layered())
        path = f"/proc/{container.pid}/root/var/busybox (deleted)"
        copy(f"/proc/{container.pid}/root/bin/busybox", path)
        container.execute(argv=["/var/busybox (deleted)", "cat"])
        self.told(container)
        self.assertFalse(self.programs["/var/busybox (deleted)"]["deleted"])
        os.unlink(path)
        copy(f"/proc/{container.pid}/root/bin/busybox", path[:-len(" (deleted)")])
        self.assertEqual(self.told(container), {("file.drift", "/var/busybox (deleted)"): "high"})
        program = self.programs["/var/busybox (deleted)"]
        self.assertTrue(program["deleted"])
        self.assertNotIn("mode", program)

    def test_removed_from_the_root(self):
        """One who removes what he started does not hide it."""
        container = Container(self, "removed", prepare=self.layered())
        root = f"/proc/{container.pid}/root"
        copy(f"{root}/bin/busybox", f"{root}/home/busybox-gone")
        container.execute(argv=["/home/busybox-gone", "cat"])
        os.unlink(f"{root}/home/busybox-gone")
        self.assertEqual(self.told(container), {("file.drift", "/home/busybox-gone"): "medium"})
        self.assertTrue(self.programs["/home/busybox-gone"]["deleted"])

    def test_root_that_is_no_overlay(self):
        container = Container(self, "plain")
        self.assertEqual(self.told(container), {})
        self.assertEqual([reason["reason"] for reason in self.coverage["reasons"]],
                         ["root of a container is no overlay: what is of its image is not known"])

    # ---- who could replace them

    def test_replaceable(self):
        def prepare(root):
            busybox = f"{root}/bin/busybox"
            for name, uid, gid, mode in (("owned", APP, 0, 0o555), ("grouped", 0, APP, 0o775),
                                         ("open", 0, 0, 0o757), ("closed", 0, 0, 0o755)):
                copy(busybox, f"{root}/bin/busybox-{name}", mode, uid, gid)
            os.mkdir(f"{root}/app")
            copy(busybox, f"{root}/app/busybox-directory")
            os.chown(f"{root}/app", APP, 0)
            copy(busybox, f"{root}/tmp/busybox-sticky")

        container = Container(self, "replaced", prepare=self.layered(prepare))
        paths = ["/bin/busybox-owned", "/bin/busybox-grouped", "/bin/busybox-open", "/bin/busybox-closed",
                 "/app/busybox-directory", "/tmp/busybox-sticky"]
        for path in paths:
            container.execute("--user", f"{APP}:{APP}", argv=[path, "cat"])
            if path == "/bin/busybox-open":
                container.execute(argv=[path, "cat"])  # as root too
        told = self.told(container)
        self.assertEqual({path: severity for (rule, path), severity in told.items()
                          if rule == "file.writable-executable"},
                         {"/bin/busybox-owned": "medium", "/bin/busybox-grouped": "medium",
                          "/bin/busybox-open": "high", "/app/busybox-directory": "medium"})
        ways = {path: (self.findings[("file.writable-executable", path)]["evidence"].get("writes_as"),
                       self.findings[("file.writable-executable", path)]["evidence"].get("replaces_as"))
                for rule, path in told if rule == "file.writable-executable"}
        self.assertEqual(ways, {"/bin/busybox-owned": ("owner", None), "/bin/busybox-grouped": ("group", None),
                                "/bin/busybox-open": ("others", None),
                                "/app/busybox-directory": (None, "owner")})

    def test_not_on_a_read_only_root(self):
        def prepare(root):
            copy(f"{root}/bin/busybox", f"{root}/bin/busybox-owned", uid=APP)

        def read_only(config):
            config["root"]["readonly"] = True

        container = Container(self, "fixed", read_only, prepare=self.layered(prepare))
        container.execute("--user", f"{APP}:{APP}", argv=["/bin/busybox-owned", "cat"])
        self.assertEqual(self.told(container), {})
        self.assertEqual(self.programs["/bin/busybox-owned"]["uid"], APP)

    def test_without_the_mounts(self):
        """Where a program lies is not made up."""
        container = Container(self, "unmounted", prepare=self.layered())
        document = self.document("audit", "--container", container.id, "--no-collector", "filesystem,mount")
        self.assertEqual(document["containers"][0]["programs"], [])
        self.assertEqual(document["containers"][0]["program_count"], 1)
        coverage = next(one for one in document["coverage"] if one["collector"] == "program")
        self.assertIn("root of a container could not be opened", coverage["reasons"][0]["reason"])

    # ---- what they have open

    def test_written(self):
        container = Container(self, "written", tmpfs("/var"), prepare=self.layered(), )
        script = "exec 3>/etc/log 4>>'/home/a\nb' 5</etc/passwd 6>/var/elsewhere; cat"
        container.execute(argv=["/bin/busybox", "sh", "-c", script])
        self.audit(container)
        self.assertEqual(self.container["written"], ["/etc/log", "/home/a\\nb"])


harness.main()
