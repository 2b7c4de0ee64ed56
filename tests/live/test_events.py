"""Event sources against the kernel: each is opened with privilege, read without, and told what really happens.

tests/live/events.c opens a source and prints its events; nothing here waits for time to pass: each test waits
for the event it caused, and that nothing else came is seen by another one that comes after."""

import os
import select
import shutil
import subprocess
import unittest

import harness
from containers import Container, needs_containers
from harness import Case, needs, needs_root

EVENTS = os.path.join(os.path.dirname(harness.HELPER), "events")
BURST = 10000


def cgroup_top():
    """A hierarchy that is watched, and in which this test may make cgroups."""
    for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/devices"):
        if os.path.exists(f"{path}/cgroup.procs") and os.access(path, os.W_OK):
            return path
    return None


class Source:
    """A source that is being read; `lines` is what it told so far."""

    def __init__(self, case, *arguments, wrap=()):
        self.case, self.lines, self.rest = case, [], b""
        self.process = case.spawn(*wrap, EVENTS, *arguments, ready=False)
        first = self.process.stdout.readline().decode().rstrip("\n")
        self.refusal = first.removeprefix("refused: ") if first.startswith("refused: ") else None
        case.assertTrue(self.refusal or first == "ready", first)

    def say(self, command):
        self.process.stdin.write(f"{command}\n".encode())
        self.process.stdin.flush()

    def more(self):
        """Reads the lines that come next, and returns them."""
        ready, _, _ = select.select([self.process.stdout], [], [], harness.TIMEOUT)
        data = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
        if not data:
            self.case.fail(f"no more events; the last were {self.lines[-20:]}")
        *whole, self.rest = (self.rest + data).split(b"\n")
        new = [line.decode() for line in whole]
        self.lines += new
        return new

    def wait_for(self, *wanted):
        """Until each of these lines has been told."""
        missing = set(wanted) - set(self.lines)
        while missing:
            missing -= set(self.more())

    def wait_for_start(self, start):
        """Until a line that is new begins so; returns it."""
        while True:
            for line in self.more():
                if line.startswith(start):
                    return line

    def ask(self, command):
        """What it answers."""
        self.say(command)
        return self.wait_for_start(command)


class EventCase(Case):
    def source(self, *arguments, **options):
        source = Source(self, *arguments, **options)
        if source.refusal:
            self.skipTest(f"{arguments[-1]}: {source.refusal}")
        return source

    def refused(self, *arguments, wrap):
        """Why a source is refused."""
        source = Source(self, *arguments, wrap=wrap)
        self.assertIsNotNone(source.refusal, f"{arguments} is not refused")
        self.assertEqual(source.process.wait(timeout=harness.TIMEOUT), 3)
        return source.refusal


@needs_root
class ProcessConnectorTest(EventCase):
    def connector(self, *arguments):
        return self.source("--nobody", *arguments, "process-connector")

    def ended(self, source, *argv):
        """Runs a command to its end, also in the source, again when its events were lost; returns its pid."""
        while True:
            process = subprocess.Popen([harness.find_command(argv[0]), *argv[1:]], stdin=subprocess.DEVNULL)
            process.wait()
            told = set()
            while not told & {f"exit {process.pid}", "overrun"}:
                told.update(source.more())
            if f"exit {process.pid}" in told:
                return process.pid

    def test_life_of_a_process(self):
        source = self.connector()
        pid = self.ended(source, "true")
        told = [line for line in source.lines if line.split()[1:2] == [str(pid)]]
        self.assertEqual(told, [f"fork {pid} {os.getpid()}", f"exec {pid}", f"exit {pid}"])

    @needs("setpriv")
    def test_ids(self):
        source = self.connector()
        pid = self.ended(source, "setpriv", "--regid", "1235", "--reuid", "1234", "--clear-groups", "true")
        told = [line for line in source.lines if line.split()[1:2] == [str(pid)]]
        self.assertIn(f"ids {pid} gid 1235 1235", told)
        self.assertIn(f"ids {pid} uid 1234 1234", told)
        self.assertGreater(told.index(f"ids {pid} uid 1234 1234"), told.index(f"exec {pid}"))

    def test_pids_are_those_of_the_first_namespace(self):
        source = self.connector()
        inner = self.spawn("unshare", "--pid", "--fork", harness.HELPER)
        pid = self.child(inner)
        source.wait_for(f"fork {pid} {inner.pid}", f"exec {pid}")

    def test_threads_are_no_processes(self):
        source = self.connector()
        process = self.helper("thread", "thread", "thread")
        threads = set(os.listdir(f"/proc/{process.pid}/task")) - {str(process.pid)}
        self.assertEqual(len(threads), 3)
        harness.stop(process)
        self.ended(source, "true")
        told = {line.split()[1] for line in source.lines if " " in line}
        self.assertEqual(told & threads, set())
        self.assertEqual(source.lines.count(f"exit {process.pid}"), 1)

    def test_burst(self):
        """All are told, or else that some were not."""
        source = self.connector()
        process = self.spawn(harness.HELPER, "burst", BURST, ready=False)
        forks = overruns = 0
        while forks < BURST and not overruns:
            new = source.more()
            forks += sum(line.startswith("fork ") and line.endswith(f" {process.pid}") for line in new)
            overruns += new.count("overrun")
        self.comment(f"{forks} of {BURST} forks told, {overruns} overruns; {source.ask('cost')}")
        self.ended(source, "true")

    def test_overrun(self):
        """While it is not read more comes than its buffer holds: that is told, and then all goes on."""
        source = self.connector("--patient")
        self.helper("burst", 2 * BURST)
        source.say("read")
        source.wait_for("overrun")
        source.lines.clear()
        pid = self.ended(source, "true")
        self.assertIn(f"fork {pid} {os.getpid()}", source.lines)

    def test_two_listeners(self):
        """Each has its own subscription; that one goes is nothing to the other."""
        first, second = self.connector(), self.connector()
        self.ended(first, "true")
        harness.stop(first.process)
        self.ended(second, "true")

    def test_refused_where_the_kernel_is_silent(self):
        for namespace in ("--pid", "--user"):
            with self.subTest(namespace):
                refusal = self.refused("process-connector", wrap=("unshare", namespace, "--fork"))
                self.assertIn("does not answer", refusal)
                self.assertIn("pidMode", refusal)

    def test_refused_in_another_network_namespace(self):
        refusal = self.refused("process-connector", wrap=("unshare", "--net"))
        self.assertIn("Connection refused", refusal)
        self.assertIn("networkMode", refusal)

    @needs("strace")
    def test_refused_when_a_call_fails(self):
        for call, error in (("socket", "EPROTONOSUPPORT"), ("bind", "EPERM"), ("sendto", "ENOMEM"),
                            ("setsockopt", "EPERM")):
            with self.subTest(call):
                wrap = ("strace", "-qq", "-o", "/dev/null", "-e", f"inject={call}:error={error}")
                environment = dict(os.environ, **harness.WITHOUT_LEAKS)
                result = self.run_command(*wrap, EVENTS, "process-connector", env=environment)
                self.assertEqual(result.returncode, 3, result.stderr)
                self.assertIn(b"process connector" if call != "socket" else b"netlink", result.stdout)


@needs_root
class MountsTest(EventCase):
    @needs("nsenter", "mount")
    def test_mounts_come_and_go(self):
        scratch = self.scratch()
        source = self.source("--nobody", "mounts",
                             wrap=("unshare", "--mount", "--pid", "--fork", "--mount-proc"))
        inside = ["nsenter", "--mount", "--target", str(self.child(source.process))]
        for command in (["mount", "-t", "tmpfs", "none", scratch], ["umount", scratch]):
            source.lines.clear()
            self.assertEqual(self.run_command(*inside, *command).returncode, 0)
            source.wait_for("mounts")

    @needs("mount")
    def test_refused_without_procfs(self):
        refusal = self.refused("mounts", wrap=("unshare", "--mount", "sh", "-c",
                                               "mount -t tmpfs none /proc && exec \"$@\"", "sh"))
        self.assertIn("mountinfo", refusal)
        self.assertIn("mount procfs", refusal)


@needs_root
@unittest.skipUnless(cgroup_top(), "no cgroup hierarchy that may be written to")
class CgroupsTest(EventCase):
    def setUp(self):
        self.name = f"proctor-events-{os.getpid()}"
        self.top = f"{cgroup_top()}/{self.name}"
        self.undo(self.remove, self.top)

    def remove(self, path):
        for directory, _, _ in os.walk(os.fsencode(path), topdown=False):
            os.rmdir(directory)

    def cgroups(self, *arguments):
        return self.source("--nobody", *arguments, "cgroups")

    def test_come_and_go(self):
        source = self.cgroups()
        os.makedirs(f"{self.top}/a/b/c")
        paths = [f"/{self.name}", f"/{self.name}/a", f"/{self.name}/a/b", f"/{self.name}/a/b/c"]
        source.wait_for(*(f"came {path}" for path in paths))
        self.remove(self.top)
        source.wait_for(*(f"gone {path}" for path in paths))
        os.mkdir(self.top)
        source.lines.clear()
        os.mkdir(f"{self.top}/again")
        source.wait_for(f"came /{self.name}/again")

    def test_those_before_the_start_are_watched(self):
        os.makedirs(f"{self.top}/a/b")
        source = self.cgroups()
        os.mkdir(f"{self.top}/a/b/new")
        source.wait_for(f"came /{self.name}/a/b/new")
        self.assertNotIn(f"came /{self.name}/a", source.lines)

    def test_filled_before_it_is_watched(self):
        """All is there before the first event is read."""
        source = self.cgroups("--patient")
        os.makedirs(f"{self.top}/a/b/c/d/e")
        for i in range(50):
            os.mkdir(f"{self.top}/a/b/{i}")
        source.say("read")
        source.wait_for(f"came /{self.name}/a/b/c/d/e", *(f"came /{self.name}/a/b/{i}" for i in range(50)))

    def test_hostile_names(self):
        source = self.cgroups()
        os.mkdir(self.top)
        for name, shown in ((b"\xff\x1b[31m", "\\xff\\x1b[31m"), (b"a b\r", "a b\\r"), (b"x" * 255, "x" * 255)):
            os.mkdir(os.fsencode(self.top) + b"/" + name)
            source.wait_for(f"came /{self.name}/{shown}")

    def test_deeper_than_watched(self):
        source = self.cgroups()
        path = self.top
        for i in range(20):
            path += f"/{i}"
        os.makedirs(path)
        source.wait_for("overrun")
        self.assertIn("deeper", source.ask("unseen"))
        self.remove(self.top)
        source.ask("renew")
        self.assertEqual(source.ask("unseen"), "unseen nothing")

    def test_overflow(self):
        """More than the queue holds: what came meanwhile is watched, and then it is told."""
        os.mkdir(self.top)
        source = self.cgroups("--patient")
        with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as file:
            most = int(file.read())
        for _ in range(most // 2 + 1):
            os.mkdir(f"{self.top}/x")
            os.rmdir(f"{self.top}/x")
        os.makedirs(f"{self.top}/missed/too")
        source.say("read")
        source.wait_for("overrun")
        self.assertNotIn(f"came /{self.name}/missed", source.lines)
        os.mkdir(f"{self.top}/missed/too/seen")
        source.wait_for(f"came /{self.name}/missed/too/seen")

    @needs_containers
    def test_container(self):
        source = self.cgroups()
        container = Container(self, "events")
        source.wait_for(f"came /docker/{container.id}")
        container.stop()
        source.wait_for(f"gone /docker/{container.id}")

    @needs_containers
    def test_container_does_not_use_up_the_watches(self):
        container = Container(self, "inside")
        source = self.cgroups()
        tops = [path for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/devices")
                if os.path.isdir(f"{path}/docker/{container.id}")]
        self.assertTrue(tops)
        for top in tops:
            self.undo(self.remove, f"{top}/docker/{container.id}/mine")
            os.makedirs(f"{top}/docker/{container.id}/mine/below")
        os.mkdir(self.top)
        source.wait_for(f"came /{self.name}")
        self.assertEqual([line for line in source.lines if "/mine" in line], [])

    @needs("mount")
    def test_refused_in_a_cgroup_namespace(self):
        os.mkdir(self.top)
        script = f"echo $$ >{self.top}/cgroup.procs && exec unshare --mount --cgroup sh -c '" \
                 "mount -t tmpfs none /sys/fs/cgroup && mkdir /sys/fs/cgroup/unified && " \
                 "mount -t cgroup2 none /sys/fs/cgroup/unified && exec \"$@\"' sh \"$@\""
        refusal = self.refused("cgroups", wrap=("sh", "-c", script, "sh"))
        self.assertIn("this container only", refusal)
        self.assertIn("/sys/fs/cgroup", refusal)


@needs_root
class FanotifyTest(EventCase):
    KEPT = ("--nobody", "--keep", "dac_read_search")

    def setUp(self):
        self.directory = self.scratch()

    def file(self, name="program", mode=0o755):
        path = os.path.join(self.directory, name)
        shutil.copy(harness.find_command("true"), path)
        os.chmod(path, mode)
        return path

    def test_setuid_bit(self):
        source = self.source(*self.KEPT, "fanotify")
        path = self.file()
        os.chmod(path, 0o4755)
        source.wait_for(f"file {path}")

    def test_setgid_bit_behind_closed_doors(self):
        source = self.source(*self.KEPT, "fanotify")
        os.chmod(self.directory, 0o700)
        path = self.file(mode=0o700)
        os.chmod(path, 0o2700)
        source.wait_for(f"file {path}")

    @needs("setcap")
    def test_capability(self):
        source = self.source(*self.KEPT, "fanotify")
        path = self.file()
        self.assertEqual(self.run_command("setcap", "cap_net_raw+ep", path).returncode, 0)
        source.wait_for(f"file {path}")

    def test_made_moved_and_linked(self):
        source = self.source(*self.KEPT, "fanotify")
        os.close(os.open(f"{self.directory}/made", os.O_CREAT | os.O_WRONLY, 0o4755))
        os.chmod(f"{self.directory}/made", 0o4755)
        source.wait_for(f"file {self.directory}/made")
        os.rename(f"{self.directory}/made", f"{self.directory}/moved")
        source.wait_for(f"file {self.directory}/moved")
        os.link(f"{self.directory}/moved", f"{self.directory}/linked")
        source.wait_for(f"file {self.directory}/linked")

    def test_only_what_gives_privilege(self):
        source = self.source(*self.KEPT, "fanotify")
        for i in range(100):
            self.file(f"plain-{i}", 0o755)
        os.mkdir(f"{self.directory}/setgid")
        os.chmod(f"{self.directory}/setgid", 0o2755)
        os.symlink(self.file("target", 0o755), f"{self.directory}/link")
        path = self.file("last", 0o4755)
        source.wait_for(f"file {path}")
        self.assertEqual({line for line in source.lines if self.directory in line}, {f"file {path}"})

    def test_hostile_names(self):
        source = self.source(*self.KEPT, "fanotify")
        os.mkdir(os.fsencode(self.directory) + b"/a\n\xff")
        path = os.fsencode(self.directory) + b"/a\n\xff/\x1b[2J b"
        with open(path, "wb"):
            pass
        os.chmod(path, 0o4711)
        source.wait_for(f"file {self.directory}/a\\n\\xff/\\x1b[2J b")

    def test_gone_before_it_is_looked_at(self):
        source = self.source("--patient", *self.KEPT, "fanotify")
        os.mkdir(f"{self.directory}/sub")
        for path in ("gone", "sub/gone"):
            os.chmod(self.file(path), 0o4755)
            os.unlink(f"{self.directory}/{path}")
        os.rmdir(f"{self.directory}/sub")
        path = self.file("stays", 0o4755)
        source.say("read")
        source.wait_for(f"file {path}")
        self.assertEqual({line for line in source.lines if self.directory in line}, {f"file {path}"})

    def test_overflow(self):
        """More different files than the queue holds."""
        source = self.source("--patient", *self.KEPT, "fanotify")
        with open("/proc/sys/fs/fanotify/max_queued_events", encoding="ascii") as file:
            most = int(file.read())
        path = self.file("last")
        for i in range(most + 100):
            os.mknod(f"{self.directory}/{i}")
        source.say("read")
        source.wait_for("overrun")
        os.chmod(path, 0o4755)
        source.wait_for(f"file {path}")
        self.comment(source.ask("cost"))

    @needs("mount")
    def test_mounted_later(self):
        """A file system that comes later is marked with CAP_SYS_ADMIN, and told to be missed without."""
        point = f"{self.directory}/point"
        os.mkdir(point)
        wrap = ("unshare", "--mount", "--pid", "--fork", "--mount-proc")
        for keep in ("sys_admin", "dac_read_search"):
            source = self.source(*(() if keep == "sys_admin" else self.KEPT), "fanotify", wrap=wrap)
            inside = ["nsenter", "--mount", "--target", str(self.child(source.process))]
            self.assertEqual(self.run_command(*inside, "mount", "-t", "tmpfs", "none", point).returncode, 0)
            source.ask("renew")
            unseen = source.ask("unseen")
            if keep == "sys_admin":
                self.assertNotIn(point, unseen)
                self.run_command(*inside, "sh", "-c", f"echo >{point}/x; chmod 4755 {point}/x")
                source.wait_for(f"file {point}/x")
            else:
                self.assertIn(f"{point} (Operation not permitted)", unseen)
                self.assertIn("CAP_SYS_ADMIN", unseen)

    @needs("mount")
    def test_own_mounts(self):
        """Where the first process keeps its root to itself the agent's own mounts are watched, which is told."""
        wrap = ("unshare", "--mount", "sh", "-c", f"mount -t tmpfs none {self.directory} && exec \"$@\"", "sh")
        source = self.source("--nobody", "--keep", "dac_read_search", "fanotify", wrap=wrap)
        self.assertIn("CAP_SYS_PTRACE", source.ask("unseen"))
        inside = ["nsenter", "--mount", "--target", str(source.process.pid)]
        self.run_command(*inside, "sh", "-c", f"echo >{self.directory}/x; chmod 4755 {self.directory}/x")
        source.wait_for(f"file {self.directory}/x")

    @needs("mount", "umount")
    def test_does_not_keep_file_systems_from_being_unmounted(self):
        point = f"{self.directory}/point"
        os.mkdir(point)
        wrap = ("unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c",
                f"mount -t tmpfs none {point} && exec \"$@\"", "sh")
        source = self.source(*self.KEPT, "fanotify", wrap=wrap)
        inside = ["nsenter", "--mount", "--target", str(self.child(source.process))]
        self.run_command(*inside, "sh", "-c", f"echo >{point}/x; chmod 4755 {point}/x")
        source.wait_for(f"file {point}/x")
        self.assertEqual(source.ask("cost").split()[0], "cost")  # the reading is over
        self.assertEqual(self.run_command(*inside, "umount", point).returncode, 0)

    @needs_containers
    def test_in_a_container(self):
        """A container's root is on a file system of the host's, whose path is told."""
        source = self.source(*self.KEPT, "fanotify")
        container = Container(self, "setuid")
        container.execute(argv=["/bin/busybox", "chmod", "4755", "/bin/busybox"])
        source.wait_for(f"file {container.root}/bin/busybox")

    @needs("mount")
    def test_upper_layer(self):
        """What is done in an overlay is told of its upper layer."""
        source = self.source(*self.KEPT, "fanotify")
        for name in ("lower", "upper", "work", "merged"):
            os.mkdir(f"{self.directory}/{name}")
        self.file("lower/program")
        options = ",".join(f"{option}={self.directory}/{name}" for option, name in (
            ("lowerdir", "lower"), ("upperdir", "upper"), ("workdir", "work")))
        mounted = self.run_command("unshare", "--mount", "sh", "-c",
                                   f"mount -t overlay none -o {options} {self.directory}/merged && "
                                   f"chmod 4755 {self.directory}/merged/program")
        if b"mount" in mounted.stderr:
            self.skipTest(f"no overlay here: {mounted.stderr.decode()}")
        source.wait_for(f"file {self.directory}/upper/program")

    def test_refused_without_the_capability(self):
        refusal = self.refused("fanotify", wrap=("setpriv", "--reuid", "65534", "--clear-groups"))
        self.assertIn("Operation not permitted", refusal)
        self.assertIn("CAP_SYS_ADMIN", refusal)


if __name__ == "__main__":
    harness.main()
