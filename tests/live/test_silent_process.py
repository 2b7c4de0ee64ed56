"""A user without privilege makes processes whose files in /proc never answer. They hold up nothing, and are told."""

import os
import pathlib
import sys
import unittest

import harness
from harness import AUDIT, WITHOUT_LEAKS
from passes import Passes

NOT_ALL = "a file of a process does not answer: what could be read before is all that is known of it"
NOT_ITS_PROGRAMS = "what a process executes is not known: it, or 8 others, do not answer"

# The leak sanitizer stops all threads at the end, and would wait for the one that waits.
ENVIRONMENT = {"env": dict(os.environ, LC_ALL="C.UTF-8", **WITHOUT_LEAKS)}
WRAP = ("env", *(f"{name}={value}" for name, value in WITHOUT_LEAKS.items()))


def can_make(case, way):
    """A process that is silent in this way: its pid. Skips where there can be none."""
    program = [sys.executable, harness.SOURCE / "tests/live/silent_process.py", way, case.scratch()]
    process = case.spawn(*program, ready=False)
    line = process.stdout.readline().split()
    if not line:
        case.skipTest("no FUSE can be mounted in a user namespace")
    return int(line[1])


@harness.needs_root
@unittest.skipUnless(os.path.exists("/dev/fuse"), "no /dev/fuse")
class SilentProcessTest(harness.Case):
    def silent(self, way):
        return can_make(self, way)

    def reasons(self, document, collector):
        coverage = next(entry for entry in document["coverage"] if entry["collector"] == collector)
        return {reason["reason"]: reason for reason in coverage["reasons"]}

    def record(self, document, pid):
        return next(process for process in document["processes"] if process["pid"] == pid)

    def check_told(self, document, pid, file):
        told = self.reasons(document, "process")[NOT_ALL]
        self.assertEqual((told["example"], told["count"]), (f"/proc/{pid}/{file}", 1))
        self.assertIn("/sys/fs/fuse/connections", told["remedy"])
        self.assertEqual(self.record(document, pid)["capabilities"]["bounding"],
                         harness.names(harness.sets(pid)["bounding"]))
        self.assertEqual(self.record(document, os.getpid())["start_time"], harness.start_time(os.getpid()))

    def check_shown(self, pid):
        for columns in ([], ["--output", "PID,ARGUMENTS"]):  # the latter are read by libproc2
            shown = self.proctor("ps", "-a", *columns, **ENVIRONMENT).stdout.decode()
            self.assertIn(str(pid), [line.split()[0] for line in shown.splitlines()[1:]])

    def test_exec(self):
        pid = self.silent("exec")
        self.check_shown(pid)
        document = self.document(*AUDIT, **ENVIRONMENT)
        known = self.record(document, pid)
        self.assertIn("cgroup", known)
        if "namespaces" in known:  # a kernel on which only the mappings wait for the exec
            self.assertIn(NOT_ITS_PROGRAMS, self.reasons(document, "program"))
        else:
            self.check_told(document, pid, "stat")

    def test_unmap(self):
        pid = self.silent("unmap")
        self.check_shown(pid)
        document = self.document(*AUDIT, **ENVIRONMENT)
        self.check_told(document, pid, "cmdline")
        self.assertEqual(self.record(document, pid)["start_time"], harness.start_time(pid))
        self.assertIn("mnt", self.record(document, pid)["namespaces"])

    def test_programs(self):
        """A table needs no command line, so that the mappings are the first thing to wait for."""
        pid = self.silent("unmap")
        self.assertIn(f"{NOT_ITS_PROGRAMS}, as /proc/{pid}/maps", self.proctor(*AUDIT, **ENVIRONMENT).stdout.decode())

    def test_many(self):
        """No more threads are left behind than there may be, and all ends."""
        pids = [self.silent("unmap") for _ in range(14)]
        document = self.document(*AUDIT, **ENVIRONMENT)
        for pid in pids:
            self.assertEqual(self.record(document, pid)["capabilities"]["permitted"],
                             harness.names(harness.sets(pid)["permitted"]))
        told = self.reasons(document, "process")
        self.assertLessEqual(told[NOT_ALL]["count"], 11)
        self.assertTrue([reason for reason in told if reason.startswith("8 processes do not answer")])


@harness.needs_root
@unittest.skipUnless(os.path.exists("/dev/fuse"), "no /dev/fuse")
class SilentInPassesTest(harness.Case):
    @staticmethod
    def threads(passes):
        return len(list(pathlib.Path(f"/proc/{passes.process.pid}/task").iterdir()))

    def test_waited_for_once(self):
        passes = Passes(self, "--records", wrap=WRAP)
        passes.look("first")
        self.assertEqual(self.threads(passes), 1)
        pids = [can_make(self, way) for way in ("exec", "unmap")]
        for kind in ("quick", "again", "quick", "fresh"):
            look = passes.look(kind)
            told = [record["pid"] for record in look["records"]["processes"] if record["pid"] in pids]
            self.assertEqual(told, sorted(pids))
            self.assertEqual(look["reasons"][NOT_ALL], 2)
            self.assertEqual(self.threads(passes), 3)

    def test_one_that_begins_after_it_was_read(self):
        """Whoever comes back to it is not held up either, and all else is told."""
        passes = Passes(self, "--records", "--pause", wrap=WRAP)
        process = self.spawn(sys.executable, harness.SOURCE / "tests/live/silent_process.py", "exec",
                             self.scratch(), "later", ready=False)
        line = process.stdout.readline().split()
        if not line:
            self.skipTest("no FUSE can be mounted in a user namespace")
        pid = int(line[1])
        passes.process.stdin.write(b"first\n")
        passes.process.stdin.flush()
        self.assertEqual(passes.process.stdout.readline(), b"paused\n")
        process.stdin.write(b"x")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline().split()[0], b"ready")
        look = passes.look("")
        self.assertIn(pid, [record["pid"] for record in look["records"]["processes"]])
        self.assertEqual(look["reasons"][NOT_ALL], 1)
        self.assertEqual(self.threads(passes), 2)

    def test_answered_after_all(self):
        """When its server ends, so does the thread, and the process is read as any other."""
        passes = Passes(self, "--records", wrap=WRAP)
        process = self.spawn(sys.executable, harness.SOURCE / "tests/live/silent_process.py", "exec",
                             self.scratch(), ready=False)
        if not process.stdout.readline():
            self.skipTest("no FUSE can be mounted in a user namespace")
        self.assertIn(NOT_ALL, passes.look("first")["reasons"])
        self.assertEqual(self.threads(passes), 2)
        harness.stop(process)
        self.wait_for(lambda: self.threads(passes) == 1)
        self.assertNotIn(NOT_ALL, passes.look("again")["reasons"])


if __name__ == "__main__":
    harness.main()
