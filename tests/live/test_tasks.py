"""The look at all processes by BPF: `ps` and `audit` tell, byte by byte, what they tell of /proc alone."""

import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

import harness
from containers import Container, needs_containers
from harness import HELPER, NOBODY, PROCTOR, mask
from test_silent_process import ENVIRONMENT, NOT_ALL, can_make

MANY = 2000
TIMES = 4  # that all is compared anew, when a process beside changed and changed back meanwhile
COMMS = (b"a\nb", b"\x1b[31mred", b"\xff\xfe", b"a\\b", b"a\\nb", b"(x) R 1", b"tab\there", b"", b" ", b"fifteen-bytes-x",
         b"Uid:\t0\nCapEff:")
NAMESPACES = "CGROUPNS,IPCNS,MNTNS,NETNS,PIDNS,TIMENS,USERNS,UTSNS"


class TasksCase(harness.Case):
    """Processes made to order beside those of the machine, each compared with itself."""

    def setUp(self):
        if not harness.is_root():
            self.skipTest("needs root")
        if not harness.find_command("strace"):
            self.skipTest("not installed: strace")
        self.many = self.helper("fork", MANY)
        if not re.search(r"BPF_ITER_CREATE.* = \d+$", self.calls("bpf", "ps", "-a", "--output", "PID"), re.M):
            self.skipTest("the kernel cannot be asked for all processes by BPF here, or this was built without")

    def calls(self, which, *arguments, wrap=()):
        """The system calls of these kinds that Proctor makes, as strace tells."""
        trace = os.path.join(self.scratch(), "trace")
        self.proctor(*arguments, wrap=(*wrap, "strace", "-f", "-qq", "-o", trace, "-e", f"trace={which}"), **ENVIRONMENT)
        with open(trace, encoding="utf-8", errors="replace") as file:
            return file.read()

    @staticmethod
    def children(pid):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]

    def records(self, *arguments):
        """By pid, the bytes of the record of each process."""
        lines = self.proctor(*arguments, "--format", "ndjson").stdout.splitlines()
        told = [(line, json.loads(line)) for line in lines]
        return {record["pid"]: line for line, record in told if record.get("type") == "process"}

    def rows(self, *arguments):
        """By pid, the rows of the table: threads have the pid of their process."""
        told = {}
        for line in self.proctor("ps", "-a", *arguments).stdout.splitlines()[1:]:
            told.setdefault(int(line.split()[0]), []).append(b" ".join(line.split()))
        return told

    def differing(self, read, arguments):
        """Those whose record is the same before and after, and another where BPF was asked; all that were there
        both times."""
        before, told, after = (read(*arguments, *more) for more in (["--no-bpf"], [], ["--no-bpf"]))
        same = {pid for pid in before if before[pid] == after.get(pid)}
        return {pid: (told.get(pid), before[pid]) for pid in same if told.get(pid) != before[pid]}, same

    def assertAlike(self, made, read, *arguments):
        """Of the processes that were made, and of all others that hold still."""
        wrong, same = self.differing(read, arguments)
        self.assertLessEqual(set(made), same)
        self.assertEqual({pid: wrong[pid] for pid in made if pid in wrong}, {})
        for _ in range(TIMES):
            if not wrong:
                return
            again, _ = self.differing(read, arguments)
            wrong = {pid: both for pid, both in again.items() if pid in wrong}
        self.assertEqual(wrong, {})


# Moves itself to the next of the cgroups of its arguments, in turn, for each byte.
MOVER = """
import itertools, sys
for path in itertools.cycle(sys.argv[1:]):
    with open(path + "/cgroup.procs", "w") as file:
        file.write("0")
    print("ready", flush=True)
    if not sys.stdin.buffer.raw.read(1):
        break
"""


class TasksTest(TasksCase):
    def privileged_in_every_way(self):
        own = harness.own_sets()["permitted"]
        net_raw, chown, kill = mask("CAP_NET_RAW"), mask("CAP_CHOWN"), mask("CAP_KILL")
        some = net_raw | kill
        yield "caps", own, own, some, "bounding", net_raw | chown, "caps", some, some | chown, some, "ambient", net_raw
        yield "gid", 11, 12, 13, "uid", 21, 22, 23
        yield "gid", 2 ** 32 - 2, 2 ** 32 - 2, 2 ** 32 - 2, "uid", 2 ** 32 - 2, 2 ** 31, 2 ** 31 + 1
        yield "no-new-privs", "seccomp", 3
        yield ("seccomp-strict",)
        yield "keep-caps", "uid", NOBODY, NOBODY, NOBODY
        yield ("memfd",)
        yield ("no-cmdline",)
        yield "dumpable", 0
        yield from (("thread",) * count for count in (1, 50))
        yield "thread", "thread-caps", chown, chown, 0, "thread-caps", own, own, 0
        yield from (("comm", comm.hex()) for comm in COMMS)
        yield from (("userns",) * depth for depth in (1, 3))
        yield "uid", NOBODY, NOBODY, NOBODY, "userns", "userns"

    def make(self):
        """The pids of one process of each kind, and of many alike."""
        processes = [self.helper(*steps) for steps in self.privileged_in_every_way()]
        processes += [self.spawn(HELPER, extra_groups=list(range(5000, 5000 + count))) for count in (1, 16, 17, 900)]
        processes += [self.helper("leader-exit")]
        self.wait_for(lambda: harness.status(processes[-1].pid)["State"].startswith("Z"))
        parents = [self.many, self.helper(*["zombie"] * 3), self.helper("userns", "fork", 100),
                   self.spawn("unshare", "--pid", "--mount-proc", "--fork", HELPER, "fork", 20),
                   self.spawn("unshare", "--user", "--map-root-user", "--pid", "--mount-proc", "--fork", HELPER, "fork", 20),
                   self.spawn("unshare", "--cgroup", "--ipc", "--mount", "--net", "--uts", "--time", "--fork", HELPER,
                              "thread", "fork", 20)]
        made = [process.pid for process in processes + parents]
        for parent in parents:
            made += [child for pid in self.children(parent.pid) for child in (pid, *self.children(pid))]
        return made

    @harness.needs("unshare")
    def test_ps_and_audit(self):
        made = self.make()
        self.assertGreater(len(made), MANY + 190)
        self.assertAlike(made, self.records, "ps", "-a", "--with-arguments")
        self.assertAlike(made, self.rows)
        self.assertAlike(made, self.rows, "--threads", "--output", "PID,TID,EFFECTIVE,PERMITTED,AMBIENT,BOUNDING,UID")
        self.assertAlike(made, self.rows, "--output", f"PID,GROUPS,USED,THREADS,CGROUP,{NAMESPACES}")
        self.assertAlike(made, self.rows, "--output", "PID,UID")
        self.assertAlike(made, self.records, "audit", "--no-collector", "filesystem,program")

    def test_findings_and_coverage(self):
        """All but the processes that come and go beside, and the times."""
        def read(*arguments):
            result = self.proctor("audit", "--no-collector", "filesystem,program", "--format", "json", *arguments)
            document = json.loads(result.stdout)
            made = set(self.children(self.many.pid)) | {self.many.pid}
            return [{key: value for key, value in finding.items() if key not in ("id", "fingerprint")}
                    for finding in document["findings"]
                    if made & set(finding["subject"].get("pids", []))], \
                   [[reason["reason"] for reason in entry["reasons"] if "ended" not in reason["reason"]]
                    for entry in document["coverage"]]
        before, told, after = read("--no-bpf"), read(), read("--no-bpf")
        self.assertTrue(before[0])
        self.assertEqual(before, after)
        self.assertEqual(told, before)

    def test_no_files_are_opened(self):
        """Of those of whom all is told; and with --no-bpf no program is loaded."""
        children = set(self.children(self.many.pid))
        opened = {}
        for option in ("--no-bpf", "--tree"):
            text = self.calls("openat,bpf", "ps", "-a", option)
            opened[option] = children & {int(pid) for pid in re.findall(r'openat\(\d+, "(\d+)(?:/\w+)?"', text)}
            self.assertEqual("bpf(" in text, option != "--no-bpf")
        self.assertEqual(opened["--no-bpf"], children)
        self.assertLessEqual(len(opened["--tree"]), 1)  # whose cgroups are told for all

    def test_without_privilege(self):
        """The kernel says no: nothing is told of that, and /proc is read."""
        result = self.proctor("ps", "-a", "--output", "PID,UID", user=NOBODY)
        plain = self.proctor("ps", "-a", "--output", "PID,UID", "--no-bpf", user=NOBODY)
        self.assertEqual(result.stderr, plain.stderr)
        children = set(self.children(self.many.pid))
        for output in (result, plain):
            told = {int(line.split()[0]) for line in output.stdout.splitlines()[1:]}
            self.assertLessEqual(children, told)

    def cgroup(self, name):
        """A new one in the v2 hierarchy, removed in the end."""
        with open("/proc/self/mounts", encoding="utf-8") as file:
            mounts = [line.split()[1] for line in file if line.split()[2] == "cgroup2"]
        path = f"{mounts[0]}/proctor-tasks-{os.getpid()}-{name}" if mounts else None
        try:
            os.mkdir(path)
        except (OSError, TypeError) as error:
            self.skipTest(f"no cgroup can be made: {error}")
        self.undo(self.remove_cgroup, path)
        return path

    def remove_cgroup(self, path):
        """When the last child of a helper that was ended has ended, too."""
        self.wait_for(lambda: "populated 0" in pathlib.Path(path, "cgroup.events").read_text(encoding="ascii"))
        os.rmdir(path)

    def test_processes_that_move(self):
        """The cgroups of one tell those of others only while it is in the same: never where it went meanwhile."""
        paths = [self.cgroup(name) for name in "ab"]
        mover = self.spawn(sys.executable, "-c", MOVER, *paths)
        expected = {}
        for path in paths:
            parent = self.helper("fork", 20)
            for pid in (parent.pid, *self.children(parent.pid)):
                with open(f"{path}/cgroup.procs", "w", encoding="ascii") as file:
                    file.write(str(pid))
                expected[pid] = "/" + os.path.basename(path)
        seen = set()
        for _ in range(40):
            process = self.spawn(PROCTOR, "ps", "-a", "--output", "PID,CGROUP", ready=False,
                                 stderr=subprocess.DEVNULL)
            mover.stdin.write(b".")
            mover.stdin.flush()
            rows = (line.split() for line in process.stdout.read().splitlines()[1:])
            told = {int(row[0]): row[1].decode() for row in rows}
            self.assertEqual({pid: told[pid] for pid in expected}, expected)
            self.assertEqual(mover.stdout.readline(), b"ready\n")
            seen.add(told[mover.pid])
        self.assertEqual(seen, set(expected.values()))

    @harness.needs("unshare")
    def test_from_other_namespaces(self):
        """Ids, pids and times are others there than the kernel's own: /proc alone is asked."""
        for options in (["--user", "--map-root-user"], ["--time"], ["--pid", "--mount-proc"]):
            with self.subTest(options=options):
                inside = self.spawn("unshare", *options, "--fork", HELPER, "fork", 300)
                wrap = ("nsenter", "--target", str(self.child(inside)), "--all")
                self.assertNotIn("bpf(", self.calls("bpf", "ps", "-a", "--output", "PID,UID", wrap=wrap))

    @unittest.skipUnless(os.path.exists("/dev/fuse"), "no /dev/fuse")
    def test_processes_that_do_not_answer(self):
        """They are told of as by /proc alone, in the coverage, too, where the example is whichever was met first."""
        pids = [can_make(self, way) for way in ("exec", "unmap")]
        told = []
        for arguments in (["--no-bpf"], []):
            result = self.proctor("ps", "-a", "--with-arguments", "--format", "json", *arguments, **ENVIRONMENT)
            document = json.loads(result.stdout)
            reasons = [(reason["count"], reason["remedy"]) for entry in document["coverage"] for reason in entry["reasons"]
                       if reason["reason"] == NOT_ALL]
            told.append(([process for process in document["processes"] if process["pid"] in pids], reasons))
        self.assertEqual(len(told[0][0]), 2)
        self.assertEqual([count for count, _ in told[0][1]], [2])
        self.assertEqual(told[1], told[0])

    @needs_containers
    def test_containers(self):
        containers = [Container(self, f"proctor-tasks-{number}") for number in range(3)]
        made = [container.pid for container in containers]
        self.assertAlike(made, self.records, "ps", "-a")
        self.assertAlike(made, self.records, "audit", "--no-collector", "filesystem,program")
        self.assertAlike(made, self.rows)


if __name__ == "__main__":
    harness.main(alone=True)
