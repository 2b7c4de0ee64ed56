"""The walk over /proc where it is hard: processes that vanish or change, hidden ones, no rights, no /proc."""

import errno
import json
import os
import re
import subprocess
import unittest

import harness
from containers import Container, needs_containers
from harness import AUDIT, HELPER, NOBODY, PROCTOR


# A line of strace -y: `openat(4</proc/7>, "status", …`.
CALL = re.compile(r' *\w+\((?:(?:AT_FDCWD|\d+)(?:<((?:[^>\\]|\\.)*)>)?, )?"((?:[^"\\]|\\.)*)"')


def reasons(document, collector=None):
    """Every reason of the coverage for which something is missing."""
    return [reason for entry in document["coverage"] if collector in (None, entry["collector"])
            for reason in entry["reasons"]]


class ChangeTest(harness.Case):
    """Processes come and go while the walk is under way."""

    def assertSound(self, document):
        pids = [process["pid"] for process in document["processes"]]
        self.assertEqual(pids, sorted(set(pids)), "each process once, in order")
        coverage = [entry for entry in document["coverage"] if entry["collector"] == "process"]
        self.assertEqual(len(coverage), 1)
        self.assertIn(os.getpid(), pids)
        return coverage[0]

    def test_thousands_of_forks_and_exits(self):
        churn = [self.spawn(HELPER, "churn", 20) for _ in range(2)]
        walks = 0
        for _ in range(5):
            self.assertSound(self.document("ps", "-a"))
            walks += 1
        total = 0
        while total < 5000:  # walk on until there were that many
            self.assertSound(self.document("ps", "-a"))
            total = self.forks(churn) if walks > 5 else 0
            walks += 1
            if walks > 200:
                self.fail("the helpers do not fork")
        self.assertGreaterEqual(total, 5000)

    @staticmethod
    def forks(churn):
        """How many children the helpers had, from the pids that were given out since they started."""
        with open("/proc/stat", encoding="ascii") as file:
            forks = int(re.search(r"^processes (\d+)", file.read(), re.M)[1])
        first = churn[0].__dict__.setdefault("first_forks", forks)
        return forks - first

    def test_exec_over_and_over(self):
        process = self.spawn(HELPER, "exec-churn", "first")
        start = harness.start_time(process.pid)
        for _ in range(20):
            document = self.document("ps", "-p", process.pid, "--with-arguments")
            record = document["processes"][0]
            self.assertEqual((record["pid"], record["start_time"]), (process.pid, start))
            self.assertIn(record["comm"], ("exe", "helper"))
            self.assertSets(record)


@harness.needs_root
@harness.needs("strace")
class HeldTest(harness.Case):
    """The walk is held, by strace, where it opens a file of one process; then something becomes of it."""

    def held(self, file, pid, *arguments):
        """Starts Proctor and waits until it holds the process but has not opened `file` of it yet."""
        tracer = subprocess.Popen(
            ["strace", "-f", "-qq", "-o", "/dev/null", "-P", file, "-e", "trace=openat",
             "-e", "inject=openat:delay_enter=1500000",
             PROCTOR, "ps", *map(str, arguments), "--format", "json"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **harness.WITHOUT_LEAKS})
        self.undo(harness.stop, tracer)
        self.wait_for(lambda: self.holds(tracer.pid, f"/proc/{pid}"))
        return tracer

    @staticmethod
    def holds(tracer, path):
        """Whether a child of the tracer has the directory open."""
        with open(f"/proc/{tracer}/task/{tracer}/children", encoding="ascii") as file:
            for child in file.read().split():
                try:
                    for descriptor in os.listdir(f"/proc/{child}/fd"):
                        if os.readlink(f"/proc/{child}/fd/{descriptor}") == path:
                            return True
                except OSError:
                    pass
        return False

    def assertDropped(self, tracer, pid):
        out, error = tracer.communicate(timeout=harness.TIMEOUT)
        self.assertEqual(tracer.returncode, 3, error)
        self.assertIn(str(pid).encode(), error)
        document = json.loads(out)
        self.validate(document)
        self.assertEqual([record["pid"] for record in document["processes"]], [os.getpid()])
        self.assertIn("ended while it was read", str(reasons(document, "process")))

    def test_vanished_processes_are_counted(self):
        for file in ("status", "stat", "cgroup"):
            with self.subTest(file):
                process = self.helper()
                tracer = self.held(file, process.pid, "-p", f"{process.pid},{os.getpid()}")
                harness.stop(process)
                self.assertDropped(tracer, process.pid)

    def test_zombie_midway(self):
        """It ends but is not waited for: what can still be read is of it."""
        process = self.helper()
        tracer = self.held("cgroup", process.pid, "-p", f"{process.pid},{os.getpid()}")
        process.stdin.close()
        self.wait_for(lambda: harness.status(process.pid)["State"].startswith("Z"))
        out, error = tracer.communicate(timeout=harness.TIMEOUT)
        self.assertIn(tracer.returncode, (0, 3), error)
        for record in json.loads(out)["processes"]:
            self.assertIn(record["pid"], (process.pid, os.getpid()))

    def test_pid_used_again(self):
        """Another process takes the number between two reads: it is not told in the first one's name."""
        last_pid = "/proc/sys/kernel/ns_last_pid"
        if not os.access(last_pid, os.W_OK):
            self.skipTest("the kernel lets no one choose the next pid (CONFIG_CHECKPOINT_RESTORE)")
        first = self.helper("uid", NOBODY, NOBODY, NOBODY)
        tracer = self.held("cgroup", first.pid, "-p", f"{first.pid},{os.getpid()}")
        harness.stop(first)
        with open(last_pid, "w", encoding="ascii") as file:
            file.write(str(first.pid - 1))
        second = self.helper()
        if second.pid != first.pid:
            self.skipTest(f"another process took the pid {first.pid}")
        self.assertDropped(tracer, first.pid)
        record = self.ps(second.pid)[second.pid]
        self.assertEqual(record["start_time"], harness.start_time(second.pid))
        self.assertSets(record)


@harness.needs_root
@harness.needs("unshare", "setpriv")
class HiddenTest(harness.Case):
    """A procfs of its own in a pid namespace, mounted with hidepid."""

    def look(self, hidepid, *setpriv):
        """`ps -a` as uid NOBODY beside a root process; the document and the pids that there are."""
        script = f"mount -t proc -o hidepid={hidepid} proc /proc || exit 9; sleep 1000 & " \
                 "until [ \"$(cat /proc/$!/comm)\" = sleep ]; do :; done; " \
                 "\"$@\"; code=$?; kill $!; exit $code"
        wrap = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh",
                "setpriv", *(setpriv or (f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")))
        return self.document("ps", "-a", wrap=wrap, binary=self.binary(NOBODY), env={
            **os.environ, **harness.WITHOUT_LEAKS})

    def assertTold(self, document):
        told = reasons(document)
        self.assertTrue(told, "the coverage is silent")
        self.assertTrue(all(reason["count"] > 0 for reason in told), told)
        self.assertTrue([reason for reason in told if reason.get("remedy")], told)

    def test_hidepid_1(self):
        """/proc/PID is listed, what is in it is not readable: EPERM."""
        document = self.look(1)
        self.assertTold(document)
        text = str(reasons(document))
        self.assertRegex(text, "EPERM|hidepid")

    def test_hidepid_2(self):
        """Others do not even show."""
        document = self.look(2)
        self.assertEqual([process["comm"] for process in document["processes"]], ["proctor"])
        self.assertTold(document)
        self.assertRegex(str(reasons(document)), "hidepid")

    def test_hidepid_ptraceable_for_root_without_ptrace(self):
        """ENOENT even to root, when it lacks CAP_SYS_PTRACE."""
        document = self.look("ptraceable", "--bounding-set=-sys_ptrace", "--inh-caps=-all")
        self.assertRegex(str(reasons(document)), "hidepid")

    def test_hidepid_does_not_hide_from_root(self):
        document = self.look(2, "--no-new-privs")
        self.assertEqual({"sh", "sleep", "proctor"} - {process["comm"] for process in document["processes"]},
                         set())


class RightsTest(harness.Case):
    """What may not be read is told, with what would help."""

    @harness.needs_root
    def test_as_nobody(self):
        """Status is world readable: the sets are all there. Namespaces and executables of others are not."""
        root = self.helper()
        document = self.document("ps", "-a", user=NOBODY)
        records = {process["pid"]: process for process in document["processes"]}
        self.assertSets(records[root.pid])
        self.assertNotIn("executable", records[root.pid])
        told = reasons(document, "process")
        self.assertTrue([reason for reason in told if re.search("EACCES|EPERM", reason["reason"])], told)
        for reason in told:
            self.assertGreater(reason["count"], 0)
        self.assertTrue([reason for reason in told if "root" in reason.get("remedy", "")], told)
        self.assertTrue([reason for reason in told if re.match("/proc/[0-9]+/", reason.get("example", ""))],
                        told)

    @harness.needs_root
    def test_audit_as_nobody(self):
        document = self.document(*AUDIT, user=NOBODY)
        self.assertTrue(reasons(document))

    @harness.needs_root
    def test_pid_1_that_may_not_be_read(self):
        """pid 1 can have more privileges than we: its links answer EACCES even to root."""
        try:
            os.readlink("/proc/1/exe")
        except PermissionError:
            pass
        else:
            self.skipTest("pid 1 may be read here")
        document = self.document("ps", "-p", 1)
        record = document["processes"][0]
        self.assertSets(record)
        self.assertNotIn("executable", record)
        self.assertTrue([reason for reason in reasons(document, "process")
                         if "EACCES" in reason["reason"] and reason["example"].startswith("/proc/1/")],
                        reasons(document))

    @harness.needs_root
    def test_process_with_more_than_the_auditor(self):
        """The same uid, but the process has what we have not, and we lack CAP_SYS_PTRACE."""
        process = self.helper()
        document = self.document("ps", "-p", process.pid,
                                 wrap=("setpriv", "--bounding-set=-sys_ptrace,-net_raw", "--inh-caps=-all"))
        self.assertSets(document["processes"][0])
        self.assertTrue([reason for reason in reasons(document, "process") if "EACCES" in reason["reason"]],
                        reasons(document))

    @harness.needs_root
    @harness.needs("unshare")
    @unittest.skipIf(harness.SANITIZED, "the sanitizer does not run without /proc")
    def test_no_proc(self):
        """Nothing is mounted on /proc, or something else is."""
        for mount in ("umount -l /proc", "mount -t tmpfs tmpfs /proc"):
            for command in ("ps", "audit"):
                with self.subTest(mount=mount, command=command):
                    script = f"{mount} || exit 9; exec \"$@\""
                    result = self.proctor(command, status=3,
                                          wrap=("unshare", "--mount", "sh", "-c", script, "sh"))
                    self.assertEqual(result.stdout, b"")
                    self.assertOneLine(result.stderr, "/proc")


@harness.needs("strace")
class OnceTest(harness.Case):
    """Each file of /proc/PID is opened, and each link of it read, at most once."""

    def opened(self, *arguments):
        """By path below /proc/PID, how often it was opened or read as a link. Without Proctor's own, and
        without the namespaces of pid 1 and 2, by which it knows what is the host's before it walks."""
        log = os.path.join(self.scratch(), "log")
        self.proctor(*arguments, wrap=("strace", "-f", "-y", "-qq", "-s", "4096", "-o", log, "-e",
                                       "trace=open,openat,openat2,readlink,readlinkat,readv"),
                     env={**os.environ, **harness.WITHOUT_LEAKS}, stdout=harness.subprocess.DEVNULL)
        counts, unfinished, myself = {}, {}, set()
        with open(log, encoding="utf-8", errors="replace") as file:
            for line in file:
                thread, _, call = line.partition(" ")
                if call.rstrip().endswith("<unfinished ...>"):
                    unfinished[thread] = call.partition("<unfinished")[0]
                    continue
                resumed = re.match(r" *<\.\.\. \w+ resumed>(.*)", call)
                if resumed:
                    call = unfinished.pop(thread, "") + resumed[1]
                found = CALL.match(call)
                if not found:
                    continue
                path = os.path.normpath(os.path.join(found[1] or "/", found[2]))
                if path == "/proc/self":
                    myself.add(thread)
                if re.match(r"/proc/\d+/.", path) and "O_PATH" not in call:
                    counts[path] = counts.get(path, 0) + 1
        return {path: count for path, count in counts.items()
                if path.split("/")[2] not in myself and not re.match("/proc/[12]/ns/", path)}

    def assertOnce(self, counts):
        often = {path: count for path, count in counts.items() if count > 1}
        self.assertEqual(often, {})

    def test_ps(self):
        sleeper = self.helper("thread", "thread")
        counts = self.opened("ps", "-a")
        # A container that only its mount namespace tells is looked at again: is it there still?
        self.assertOnce({path: count for path, count in counts.items()
                         if not path.endswith("/ns/mnt") or path.startswith(f"/proc/{sleeper.pid}/")})
        self.assertEqual(counts.get(f"/proc/{sleeper.pid}/status"), 1)

    def test_ps_reads_only_what_its_columns_show(self):
        sleeper = self.helper()
        counts = self.opened("ps", "-a", "--output", "PID,BOUNDING")
        self.assertOnce(counts)
        self.assertEqual([path for path in counts if path.startswith(f"/proc/{sleeper.pid}/")],
                         [f"/proc/{sleeper.pid}/status"])

    def test_audit(self):
        sleepers = [self.helper("thread", "thread") for _ in range(2)]
        counts = self.opened(*AUDIT, "--format", "json")
        # Through whom more is read later (mounts, roots, who started a container) has to be the same process still.
        self.assertOnce({path: count for path, count in counts.items() if not re.search("/(stat|ns/mnt)$", path)})
        # Through which of them mounts are read depends on their pids, and those on when the numbers were given out.
        read = [sleeper.pid for sleeper in sleepers if f"/proc/{sleeper.pid}/mountinfo" in counts]
        self.assertLessEqual(len(read), 1, "one process of a mount namespace is enough")
        self.assertOnce({path: count for path, count in counts.items()
                         for sleeper in sleepers if sleeper.pid not in read
                         and path.startswith(f"/proc/{sleeper.pid}/")})
        for sleeper in sleepers:
            self.assertEqual(counts.get(f"/proc/{sleeper.pid}/status"), 1)

    def test_labels_are_asked_for_only_where_there_are_any(self):
        for _ in range(8):
            self.helper()
        asked = [path for path in self.opened(*AUDIT, "--format", "json") if path.endswith("/attr/current")]
        try:
            with open("/proc/self/attr/current", "rb") as file:
                file.read()
            self.assertGreater(len(asked), 8)
        except OSError as error:
            self.assertEqual(error.errno, errno.EINVAL)
            self.assertLessEqual(len(asked), 4, "once for each thread of the walk")

    @needs_containers
    def test_audit_of_a_container(self):
        container = Container(self, "once")
        counts = self.opened(*AUDIT, "--container", container.id, "--format", "json")
        for name in ("status", "cgroup", "mountinfo", "limits"):
            self.assertEqual(counts.get(f"/proc/{container.pid}/{name}"), 1, name)


if __name__ == "__main__":
    harness.main()
