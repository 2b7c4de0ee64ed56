"""Processes made to order, and every real one of the machine: each fact of the document is what the kernel
says, byte by byte."""

import os
import re
import resource
import shutil

import harness
from harness import HELPER, NOBODY, capability_text, mask, names

IDS = ("real", "effective", "saved", "filesystem")


def long_stack():
    """Room for arguments of megabytes: the kernel allows a quarter of the stack's limit."""
    resource.setrlimit(resource.RLIMIT_STACK, (64 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))


class KernelCase(harness.Case):
    """What `proctor ps` says of a process against what the kernel says of it."""

    def assertKernel(self, record, status=None):
        """Every fact of a record that status carries."""
        pid = record["pid"]
        status = status or harness.status(pid)
        expected = {
            "pid": int(status["Pid"]), "ppid": int(status["PPid"]),
            "uids": dict(zip(IDS, map(int, status["Uid"].split()))),
            "gids": dict(zip(IDS, map(int, status["Gid"].split()))),
            "groups": sorted(map(int, status.get("Groups", "").split())),
            "capabilities": {name: names(int(status[field], 16)) for name, field in (
                ("effective", "CapEff"), ("permitted", "CapPrm"), ("inheritable", "CapInh"),
                ("bounding", "CapBnd"), ("ambient", "CapAmb"))},
            "no_new_privs": status["NoNewPrivs"] == "1",
            "seccomp": ["off", "strict", "filter"][int(status["Seccomp"])],
            "seccomp_filters": int(status["Seccomp_filters"]) if "Seccomp_filters" in status else None,
            "thread_count": int(status["Threads"]),
        }
        told = {name: record.get(name) for name in expected}
        told.update(groups=sorted(told["groups"]))
        self.assertEqual(told, expected)

    def record(self, process, **options):
        pid = process if isinstance(process, int) else process.pid
        return self.ps(pid, **options)[pid]


class RecordTest(KernelCase):
    """Processes made to order."""

    def steps(self, *steps):
        """A helper's record, after it was compared with the kernel's word."""
        process = self.helper(*steps)
        record = self.record(process)
        self.assertKernel(record)
        return record

    # ---- sets and ids ----------------------------------------------------------------------------------

    @harness.needs_root
    def test_all_five_sets(self):
        net_raw, chown, kill = mask("CAP_NET_RAW"), mask("CAP_CHOWN"), mask("CAP_KILL")
        own = harness.own_sets()["permitted"]
        some = net_raw | kill
        record = self.steps("caps", own, own, some, "bounding", net_raw | chown,
                            "caps", some, some | chown, some, "ambient", net_raw)
        self.assertEqual(record["capabilities"], {
            "effective": ["CAP_KILL", "CAP_NET_RAW"], "permitted": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
            "inheritable": ["CAP_KILL", "CAP_NET_RAW"], "bounding": ["CAP_CHOWN", "CAP_NET_RAW"],
            "ambient": ["CAP_NET_RAW"]})

    @harness.needs_root
    def test_four_ids(self):
        record = self.steps("gid", 11, 12, 13, "uid", 21, 22, 23)
        self.assertEqual(record["uids"], {"real": 21, "effective": 22, "saved": 23, "filesystem": 22})
        self.assertEqual(record["gids"], {"real": 11, "effective": 12, "saved": 13, "filesystem": 12})

    @harness.needs_root
    def test_largest_ids(self):
        self.steps("gid", 2 ** 32 - 2, 2 ** 32 - 2, 2 ** 32 - 2, "uid", 2 ** 32 - 2, 2 ** 31, 2 ** 31 + 1)

    @harness.needs_root
    def test_thousands_of_groups(self):
        process = self.spawn(HELPER, extra_groups=list(range(5000, 5000 + 20000)))
        self.assertKernel(self.record(process))

    @harness.needs_root
    @harness.needs("setpriv")
    def test_setpriv(self):
        process = self.spawn("setpriv", "--reuid=10001", "--regid=10001", "--clear-groups", "--no-new-privs",
                             "--inh-caps=+net_raw,+chown", "--ambient-caps=+net_raw",
                             "--bounding-set=-all,+net_raw,+chown", HELPER)
        record = self.record(process)
        self.assertKernel(record)
        self.assertEqual(record["capabilities"]["ambient"], ["CAP_NET_RAW"])
        self.assertEqual(record["capabilities"]["bounding"], ["CAP_CHOWN", "CAP_NET_RAW"])
        self.assertTrue(record["no_new_privs"])

    @harness.needs_root
    @harness.needs("capsh")
    def test_capsh(self):
        process = self.spawn(harness.find_command("capsh"), "--drop=cap_sys_admin,cap_net_raw", "--secbits=1",
                             "--", "-c", f"exec {HELPER}")
        record = self.record(process)
        self.assertKernel(record)
        self.assertNotIn("CAP_SYS_ADMIN", record["capabilities"]["bounding"])

    # ---- seccomp, threads ------------------------------------------------------------------------------

    def test_seccomp_filters(self):
        record = self.steps("no-new-privs", "seccomp", 3)
        self.assertEqual((record["seccomp"], record["seccomp_filters"]),
                         ("filter", 3 + int(harness.status(os.getpid()).get("Seccomp_filters", 0))))

    def test_seccomp_strict(self):
        if harness.status(os.getpid())["Seccomp"] != "0":
            self.skipTest("this test runs under seccomp itself")
        self.assertEqual(self.steps("seccomp-strict")["seccomp"], "strict")

    def test_threads_alike_are_not_listed(self):
        record = self.steps(*["thread"] * 20)
        self.assertEqual(record.get("threads", []), [])

    @harness.needs_root
    def test_every_differing_thread(self):
        process = self.helper(*["thread"] * 3, *["thread-caps", mask("CAP_CHOWN"), mask("CAP_CHOWN"), 0] * 2)
        record = self.record(process)
        self.assertKernel(record)
        tids = sorted(map(int, os.listdir(f"/proc/{process.pid}/task")))
        differing = [tid for tid in tids if harness.sets(tid) != harness.sets(process.pid)]
        self.assertEqual(len(differing), 2)
        self.assertEqual([thread["tid"] for thread in record["threads"]], differing)
        for thread in record["threads"]:
            self.assertSets(thread, thread=thread["tid"])

    @harness.needs_root
    def test_leader_that_exited(self):
        """The leader is a zombie; the process goes on in a thread, with its namespaces and its privileges."""
        process = self.helper("leader-exit")
        self.wait_for(lambda: harness.status(process.pid)["State"].startswith("Z"))
        record = self.record(process)
        self.assertKernel(record)
        thread = [tid for tid in map(int, os.listdir(f"/proc/{process.pid}/task")) if tid != process.pid][0]
        self.assertEqual(record["namespaces"], self.namespaces(thread))
        self.assertEqual(record["executable"], os.path.realpath(HELPER))

    # ---- namespaces ------------------------------------------------------------------------------------

    @staticmethod
    def namespaces(pid):
        return {name: os.stat(f"/proc/{pid}/ns/{name}").st_ino for name in os.listdir(f"/proc/{pid}/ns")
                if not name.endswith("_for_children")}

    def test_eight_namespaces(self):
        process = self.helper()
        self.assertEqual(self.record(process)["namespaces"], self.namespaces(process.pid))

    @harness.needs_root
    @harness.needs("unshare")
    def test_namespaces_of_its_own(self):
        process = self.spawn("unshare", "--cgroup", "--ipc", "--mount", "--net", "--uts", "--time", "--fork",
                             HELPER)
        record = self.record(self.child(process))
        self.assertEqual(record["namespaces"], self.namespaces(record["pid"]))
        for name in ("cgroup", "ipc", "mnt", "net", "uts", "time"):
            self.assertNotEqual(record["namespaces"][name], self.namespaces("self")[name], name)

    @harness.needs_root
    def test_user_namespaces_ten_deep(self):
        for depth in range(1, 11):
            with self.subTest(depth=depth):
                process = self.helper("uid", NOBODY, NOBODY, NOBODY, *["userns"] * depth)
                record = self.record(process)
                self.assertKernel(record)
                with open(f"/proc/{process.pid}/uid_map", encoding="ascii") as file:
                    expected = [tuple(map(int, line.split())) for line in file]
                self.assertEqual([tuple(part[name] for name in ("inside", "outside", "count"))
                                  for part in record["uid_map"]], expected)
                self.assertEqual(record["namespaces"]["user"], os.stat(f"/proc/{process.pid}/ns/user").st_ino)

    # ---- names, executable, command line ---------------------------------------------------------------

    def test_hostile_comm(self):
        for comm, escaped in ((b"a\nb", "a\\nb"), (b"\x1b[31mred", "\\x1b[31mred"),
                              (b"\xff\xfe", "\\xff\\xfe"),
                              (b"a\\b", "a\\\\b"), ("é中".encode(), "é中"), (b"(x) R 1", "(x) R 1"),
                              (b"tab\there", "tab\\there"), ("\u202eabc".encode(), "\\xe2\\x80\\xaeabc"),
                              (b"Uid:\t0\nCapEff:", "Uid:\\t0\\nCapEff:"), (b"", ""), (b" ", " "),
                              (b"\xc2\x9b31m", "\\xc2\\x9b31m"), ("\U0001f600".encode(), "\U0001f600")):
            with self.subTest(comm=comm):
                process = self.helper("comm", comm.hex())
                record = self.record(process)
                self.assertEqual(record["comm"], escaped)
                self.assertKernel(record)
                table = self.proctor("ps", "-a", "-p", process.pid).stdout
                self.assertNotRegex(table.replace(b"\n", b""), rb"[\x00-\x1f\x7f]")
                table.decode("utf-8")
                self.assertEqual(len(table.splitlines()), 2, table)

    @staticmethod
    def deleted_copy(directory):
        path = os.path.join(directory, "gone")
        shutil.copy(HELPER, path)
        return path

    def test_deleted_executable(self):
        path = self.deleted_copy(self.scratch())
        process = self.spawn(path)
        self.assertFalse(self.record(process)["executable_deleted"])
        os.unlink(path)
        record = self.record(process)
        self.assertEqual(record["executable"], path)
        self.assertTrue(record["executable_deleted"])

    def test_executable_that_is_only_named_deleted(self):
        path = os.path.join(self.scratch(), "present (deleted)")
        shutil.copy(HELPER, path)
        record = self.record(self.spawn(path))
        self.assertEqual(record["executable"], path)
        self.assertFalse(record["executable_deleted"])

    def test_executable_in_memory(self):
        record = self.record(self.helper("memfd"))
        self.assertTrue(record["executable_memfd"])
        self.assertTrue(record["executable_deleted"])

    def test_arguments_are_kept_back(self):
        process = self.helper("skip", "password=hunter2")
        self.assertNotIn("hunter2", str(self.record(process)))
        record = self.record(process, arguments=["--with-arguments"])
        self.assertEqual(record["command_line"], [HELPER, "skip", "password=hunter2"])

    def test_empty_command_line(self):
        process = self.helper("no-cmdline")
        with open(f"/proc/{process.pid}/cmdline", "rb") as file:
            self.assertEqual(file.read(), b"")
        record = self.record(process, arguments=["--with-arguments"])
        self.assertKernel(record)
        self.assertEqual(record.get("command_line", []), [])

    def test_command_line_of_two_mebibytes(self):
        words = ["x" * (128 * 1024 - 1)] * 17
        steps = [word for text in words for word in ("skip", text)]
        process = self.helper(*steps, preexec_fn=long_stack)
        document = self.document("ps", "-p", process.pid, "--with-arguments")
        record = document["processes"][0]
        self.assertKernel(record)
        whole = [HELPER, *steps]
        told = record["command_line"]
        if told != whole:  # cut: then it is the beginning, and coverage says so
            self.assertEqual(whole[:len(told) - 1], told[:-1])
            self.assertTrue(whole[len(told) - 1].startswith(told[-1]))
            self.assertTrue([reason for entry in document["coverage"] for reason in entry["reasons"]
                             if "command line" in reason["reason"]], document["coverage"])

    def test_zombie(self):
        process = self.helper("zombie")
        child = self.child(process)
        record = self.record(child)
        self.assertKernel(record)
        self.assertEqual(record["ppid"], process.pid)

    def test_start_time(self):
        process = self.helper()
        self.assertEqual(self.record(process)["start_time"], harness.start_time(process.pid))


class EveryProcessTest(KernelCase):
    @harness.needs_root
    def test_nothing_is_missed_that_no_column_wants(self):
        result = self.proctor("ps", "-a", "--output", "PID,CGROUP")
        self.assertEqual(result.stderr, b"")
        with open("/proc/self/cgroup", encoding="ascii") as file:
            paths = {line.split(":", 2)[2] for line in file.read().splitlines()}
        told = re.search(rf"(?m)^ *{os.getpid()} +(.*)$", result.stdout.decode())
        self.assertIn(told.group(1), paths)

    """All real processes of the machine, but those that change while they are compared."""

    def quiet(self):
        """Records of `ps -a` beside the kernel's word from before and after; those that did not change."""
        before = self.kernel()
        records = self.ps()
        after = self.kernel()
        same = {pid for pid in before if before[pid] == after.get(pid) and not self.is_dead(pid)}
        self.assertGreater(len(same), 2)
        return {pid: (records.get(pid), before[pid]) for pid in same}

    def told(self):
        """Those of them that have a record: that none is left out is a test of its own."""
        return {pid: both for pid, both in self.quiet().items() if both[0]}

    @staticmethod
    def is_dead(pid):
        """One that ended meanwhile but was not waited for still has its status, and little else."""
        try:
            return harness.status(pid)["State"].startswith(("X", "Z"))
        except (FileNotFoundError, ProcessLookupError):
            return True

    @staticmethod
    def kernel():
        told = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                told[int(pid)] = (harness.start_time(pid), {
                    name: value for name, value in harness.status(pid).items()
                    if not re.search("ctxt_switches|^Vm|^Rss|State|^Sig|^Shd|Speculation", name)})
            except (FileNotFoundError, ProcessLookupError):
                pass
        return told

    def differing(self):
        """By pid and start time, what Proctor and the kernel do not agree in."""
        wrong = {}
        for pid, (record, (start, status)) in self.quiet().items():
            try:
                self.assertIsNotNone(record, "left out")
                self.assertEqual(record["start_time"], start)
                self.assertKernel(record, status)
            except self.failureException as error:
                wrong[pid, start] = error
        return wrong

    def test_all_are_what_the_kernel_says(self):
        """A process may have changed and changed back between two looks: what is wrong is so each time."""
        wrong = self.differing()
        for _ in range(3):
            if wrong:
                again = self.differing()
                wrong = {key: error for key, error in again.items() if key in wrong}
        self.assertEqual({key: str(error) for key, error in wrong.items()}, {})

    def test_capget_agrees(self):
        for pid, (record, _) in self.told().items():
            try:
                told = harness.capget(pid)
            except ProcessLookupError:
                continue
            self.assertEqual({name: record["capabilities"][name] for name in told},
                             {name: names(bits) for name, bits in told.items()}, pid)

    def judge(self, peers, ours, kernel):
        """Each argument: by pid, a set. Where the peer and Proctor differ, the kernel has the last word."""
        agreed = 0
        for pid, peer in peers.items():
            if peer == ours[pid]:
                agreed += 1
            else:
                self.comment(f"{pid}: the peer says {peer}, the kernel {kernel[pid]}")
                self.assertEqual(ours[pid], kernel[pid], pid)
        self.assertGreater(agreed, 2)

    @harness.needs("getpcaps")
    def test_getpcaps_agrees(self):
        quiet = self.told()
        text = self.run_command("getpcaps", *sorted(quiet)).stdout.decode()
        peers = {}
        for line in text.splitlines():
            pid, _, clauses = line.partition(": ")
            if pid.isdigit():
                peers[int(pid)] = tuple(map(tuple, map(names, capability_text(clauses, self.everything()))))
        kinds, fields = ("effective", "permitted", "inheritable"), ("CapEff", "CapPrm", "CapInh")
        self.judge(peers, {pid: tuple(tuple(record["capabilities"][kind]) for kind in kinds)
                           for pid, (record, _) in quiet.items()},
                   {pid: tuple(tuple(names(int(status[field], 16))) for field in fields)
                    for pid, (_, (_, status)) in quiet.items()})

    @harness.needs("pscap")
    def test_pscap_agrees(self):
        quiet = self.told()
        peers = {}
        for line in self.run_command("pscap", "-a").stdout.decode(errors="replace").splitlines():
            found = re.search(r"^\d+ +(\d+) .*? (full|(?:[a-z_]+, )*[a-z_]+) *[+@* ]*$", line)
            if found and int(found[1]) in quiet:
                peers[int(found[1])] = self.everything() if found[2] == "full" else \
                    mask(*("CAP_" + name.upper() for name in found[2].split(", ")))
        self.judge(peers, {pid: mask(*record["capabilities"]["permitted"])
                           for pid, (record, _) in quiet.items()},
                   {pid: int(status["CapPrm"], 16) for pid, (_, (_, status)) in quiet.items()})

    @staticmethod
    def everything():
        with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
            return (2 << int(file.read())) - 1

    @harness.needs("capsh")
    def test_capsh_decodes_alike(self):
        decoded = {}
        for pid, (record, (_, status)) in self.told().items():
            bits = status["CapEff"]
            if bits not in decoded:
                text = self.run_command("capsh", f"--decode={bits}").stdout.decode().strip().partition("=")[2]
                decoded[bits] = [name.upper() if name.startswith("cap_") else f"CAP_{name}"
                                 for name in text.split(",") if name]
            self.assertEqual(record["capabilities"]["effective"], decoded[bits], pid)


if __name__ == "__main__":
    harness.main(alone=True)
