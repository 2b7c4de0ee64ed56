"""What each of the agent's processes can still do when it has confined itself, and what ends it: tried one by one by
tests/live/confined.c, for those started as root, as another user, with file capabilities, and in a user namespace."""

import ctypes
import http.server
import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import unittest

import harness
from containers import Container, needs_containers, user_namespace

CONFINED = os.path.abspath(os.environ.get("CONFINED", "tests/live/confined"))
USER, OTHER = 64123, 64124  # nobody's
READING = ["CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE"]
SANITIZED = b"__asan_init" in pathlib.Path(CONFINED).read_bytes() if os.path.exists(CONFINED) else False
UNCHECKED = ["seccomp: what openat2 is asked is not checked: the program does not lie below all other memory"]

# Nobody may do these: not the parent, and so none of its children.
NEVER = """execve /bin/true 0 0
execveat -100 /bin/true 0 0 0
ptrace 16 our-parent 0 0
process_vm_readv our-parent 0 0 0 0 0
process_vm_writev our-parent 0 0 0 0 0
mount none /mnt tmpfs 0 0
umount2 /nothing 0
pivot_root / /
chroot /
unshare 0x10000000
setns 0 0
clone 0x10000011 0 0 0 0
bpf 0 0 0
keyctl 0 0
add_key a b 0 0 0
userfaultfd 0
io_uring_setup 1 0
perf_event_open 0 0 0 0 0
init_module 0 0 0
kexec_load 0 0 0 0
socket 17 3 0
socket 38 5 0
mknod /nothing 0600 0
symlink /nothing /nothing/b
setxattr /nothing user.a b 1 0
swapon /nothing 0
acct /nothing
personality 0xffffffff
ioctl 0 0x5412 0
shmget 0 4096 0
memfd_create a 0
sched_setscheduler 0 0 0
setuid 0
iopl 3""".splitlines()

# Of these the parent may make some, for its children.
NOT_BY_CHILDREN = """fork
vfork
clone 17 0 0 0 0
kill self 0
kill our-parent 0
tkill our-parent 0
tgkill our-parent our-parent 0
rt_sigqueueinfo our-parent 0 0
pidfd_send_signal 0 0 0 0
setresuid 0 0 0
setgroups 0 0
capset 0 0
prctl 4 1 0 0 0
prctl 8 1 0 0 0
prctl 47 2 0 0 0
prctl 22 2 0 0 0
seccomp 1 0 0
landlock_create_ruleset 0 0 0
prlimit64 our-parent 7 0 0
wait4 -1 0 1 0""".splitlines()

NOT_BY_THE_AUDITOR = """socket 1 1 0
socket 2 1 0
socket 10 2 0
socket 16 3 0
socketpair 1 1 0 0
bind 0 0 0
connect 0 0 0
listen 0 1
accept4 0 0 0 0
sendto 1 a 1 0 self 16
sendmmsg 1 0 0 0
setsockopt 0 1 1 0 0
open {file} 1 0
openat -100 {file} 1 0
openat -100 {file} 2 0
openat -100 {file} 0x200 0
openat -100 {file}.new 0x40 0600
openat -100 {directory} 0x410002 0600
creat {file} 0600
truncate {file} 0
ftruncate 1 0
fallocate 1 0 0 1
unlink {file}
unlinkat -100 {file} 0
rename {file} {file}.b
renameat2 -100 {file} -100 {file}.b 0
mkdir {file}.d 0700
rmdir {directory}
link {file} {file}.b
chmod {file} 0777
fchmod 1 0777
fchmodat -100 {file} 0777
chown {file} 0 0
fchown 1 0 0
utimensat -100 {file} 0 0
fcntl 1 8 our-parent
fcntl 1 1024 0
pwrite64 1 a 1 0
fanotify_mark 0 0 0 0 0
open_by_handle_at 0 0 0""".splitlines()

# Ways to have openat2(2) open what is not in the program's table.
AROUND_THE_TABLE = """openat2 -100 {file} own-way 24
openat2 -100 {file} table 32
openat2 -100 {file} 0 24
mprotect table-page 4096 3
mprotect 0x10000 0x7fffffff0000 3
mmap table-page 4096 3 0x32 -1 0
mmap 0x10000 4096 3 0x32 -1 0
munmap table-page 4096
madvise table-page 4096 4
mremap table-page 4096 4096 3 0x7f0000000000
mmap 0 4096 7 0x22 -1 0
mmap 0 4096 5 0x22 -1 0
pkey_mprotect table-page 4096 3 -1
process_vm_writev self 0 0 0 0 0
remap_file_pages table-page 4096 0 0 0""".splitlines()


class ConfineCase(harness.Case):
    def run_confined(self, *words, wrap=(), binary=CONFINED, **options):
        """Returns the exit status (negative: the signal), the reports and the other lines."""
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
        result = self.run_command(*wrap, binary, *words, env=environment, **options)
        self.stderr = result.stderr
        self.assertNotIn(b"Sanitizer", self.stderr)
        lines = result.stdout.decode().splitlines()
        reports = [json.loads(line) for line in lines if line.startswith("{")]
        return result.returncode, reports, [line for line in lines if not line.startswith("{")]

    def confined(self, *words, says="ok", **options):
        """Has to end well, with this as its last line. Returns the last report and the lines before."""
        code, reports, lines = self.run_confined(*words, **options)
        self.assertEqual((code, lines[-1:]), (0, [says]), f"{words}: {self.stderr}")
        return reports[-1], lines[:-1]

    def assertFiltered(self, *words, **options):
        code, reports, lines = self.run_confined(*words, **options)
        self.assertEqual((code, lines), (-signal.SIGSYS, []), f"{words}: {self.stderr}")
        self.assertTrue(reports[0]["seccomp"])

    def place(self):
        """A directory with a file, both of the user that confined ones become."""
        directory = self.scratch()
        path = f"{directory}/file"
        pathlib.Path(path).write_text("as it was")
        for name in (directory, path):
            os.chown(name, USER, USER)
        os.chmod(directory, 0o755)
        return directory, path

    def all_filtered(self, calls, *options):
        """Each of them is ended by the filter, and the file is as it was."""
        directory, path = self.place()
        tried = 0
        for call in calls:
            words = call.format(file=path, directory=directory).split()
            if not self.has_call(words[0]):
                continue
            with self.subTest(call=call):
                self.assertFiltered("--user", USER, *options, "call", *words)
            tried += 1
        self.assertGreater(tried, len(calls) / 2)
        self.assertEqual(os.listdir(directory), ["file"])
        self.assertEqual(pathlib.Path(path).read_text(), "as it was")

    @staticmethod
    def has_call(name):
        """Whether this architecture has it."""
        try:
            return ctypes.CDLL("libseccomp.so.2").seccomp_syscall_resolve_name(name.encode()) >= 0
        except OSError:
            return True

    def state_of(self, role, *options, **more):
        _, lines = self.confined(*options, role, "status", **more)
        return dict((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))


@harness.needs_root
class Auditor(ConfineCase):
    ROLE = ("auditor",)

    def test_what_it_keeps(self):
        report, _ = self.confined("--user", USER, *self.ROLE, "nothing")
        self.assertEqual(report, {"uid": USER, "gid": USER, "capabilities": READING, "no_new_privs": True,
                                  "seccomp": True, "landlock": 0, "missing": UNCHECKED if SANITIZED else []})
        state = self.state_of("auditor", "--user", USER)
        kept = f"{harness.mask(*READING):016x}"
        self.assertEqual([state[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb")],
                         [kept, kept, kept, "0" * 16, "0" * 16])
        self.assertEqual([state[name].split() for name in ("Uid", "Gid", "Groups")],
                         [[str(USER)] * 4, [str(USER)] * 4, []])
        self.assertEqual((state["NoNewPrivs"], state["Seccomp"]), ("1", "2"))

    def test_what_it_needs(self):
        self.confined("--user", USER, *self.ROLE, "work")

    def test_abort_is_its_own(self):
        code, _, _ = self.run_confined("--user", USER, "auditor", "abort")
        self.assertEqual(code, -signal.SIGABRT)

    def test_what_ends_it(self):
        self.all_filtered(NEVER + NOT_BY_CHILDREN + NOT_BY_THE_AUDITOR, "auditor")

    def test_new_ways_to_make_a_thread_are_unknown(self):
        self.confined("--user", USER, *self.ROLE, "call", "clone3", 0, 0, says="ENOSYS")

    @unittest.skipIf(SANITIZED, "AddressSanitizer keeps memory below the program")
    def test_openat2_is_asked_by_the_table_only(self):
        self.confined("--user", USER, *self.ROLE, "call", "openat2", -100, ".", "table", 24)
        self.all_filtered(AROUND_THE_TABLE, "auditor")

    def test_watches_with_file_events(self):
        report, _ = self.confined("--user", USER, "--file-events", "on", "auditor", "call", "fanotify_mark", 0, 0, 0, 0,
                                  0, says="EINVAL")
        self.assertEqual(report["capabilities"], [*READING, "CAP_SYS_ADMIN"])
        self.assertFiltered("--user", USER, "--file-events", "on", "auditor", "call", "open_by_handle_at", 0, 0, 2)
        self.assertFiltered("--user", USER, "--file-events", "on", "auditor", "call", "mount", "a", "/", "tmpfs", 0, 0)

    def test_reads_maps_when_it_learns(self):
        """It may look up (1) and take (25), and nothing that makes a map (0), a program (5) or a link (28)."""
        learns = ("--user", USER, "--learns", "on", "auditor", "call", "bpf")
        for command in (1, 25):
            self.confined(*learns, command, 0, 0, says="EINVAL")
        for command in (0, 2, 3, 5, 8, 14, 28):
            self.assertFiltered(*learns, command, 0, 0)
        self.assertFiltered("--user", USER, "auditor", "call", "bpf", 1, 0, 0)

    def test_without_the_filter(self):
        report, _ = self.confined("--user", USER, "--filter", "off", "auditor", "call", "getpgrp")
        self.assertFalse(report["seccomp"])
        self.assertEqual(report["missing"], ["seccomp: switched off by the settings"])

    def test_user_that_does_not_exist(self):
        code, reports, _ = self.run_confined("--user", "no-such-user", "auditor", "nothing")
        self.assertEqual((code, reports), (1, []))
        self.assertIn(b"there is no user 'no-such-user' to run as; make it", self.stderr)


class AuditorOfAParent(Auditor):
    """The same, when its parent confined itself before."""
    ROLE = ("parent", "then", "auditor")

    def run_confined(self, *words, **options):
        """As of the child: how it ended is what the parent says in the end."""
        words = list(words)
        if "parent" not in words:
            at = next(i for i, word in enumerate(words) if word == "auditor")
            words[at:at] = ["parent", "then"]
        code, reports, lines = super().run_confined(*words, **options)
        if code or lines[-1:] != ["ok"]:
            return code, reports[1:], lines
        *lines, ended, _ = lines
        if ended == "child ended with 0":
            return 0, reports[1:], lines
        if ended.startswith("child ended with"):
            return int(ended.split()[-1]), reports[1:], lines
        number = next(number for number in signal.Signals if signal.strsignal(number) in ended)
        self.assertEqual(number == signal.SIGSYS, ended.endswith(", filtered"))
        return -number, reports[1:], lines


@harness.needs_root
class NoFileGrows(ConfineCase):
    def end(self, **streams):
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **streams}
        command = [CONFINED, "--user", str(USER), "auditor", "nothing"]
        return subprocess.run(command, timeout=harness.TIMEOUT, check=False, **streams).returncode

    def test_output(self):
        path = f"{self.scratch()}/out"
        with open(path, "wb") as file:
            self.assertEqual(self.end(stdout=file), -signal.SIGXFSZ)
        self.assertEqual(os.path.getsize(path), 0)

    def test_but_the_log(self):
        with open(f"{self.scratch()}/log", "wb") as file:
            self.assertEqual(self.end(stderr=file), 0)


@needs_containers
class WholeAudit(ConfineCase):
    """All collectors run as the auditor, and see what root sees."""

    def test_containers(self):
        containers = [Container(self, "plain", prepare=self.add_hidden),
                      Container(self, "remapped", user_namespace, prepare=self.give_away)]
        ours = {container.id for container in containers}
        document = self.document("audit", "--docker-socket", "/nothing")
        expected = [f"{file['container_id']} {file['path']}" for file in document["files"]
                    if file.get("container_id") in ours]
        self.assertIn(f"{containers[0].id} /home/closed/become", expected)
        denied_to_root = {f"{collector['collector']}: {reason['reason']}" for collector in document["coverage"]
                          for reason in collector["reasons"]}
        for role in (("auditor",), ("parent", "then", "auditor")):
            _, lines = self.confined("--user", USER, *role, "audit")
            told = {kind: [line.partition(" ")[2] for line in lines if line.startswith(kind + " ")]
                    for kind in ("container", "file", "reason")}
            self.assertLessEqual(ours, set(told["container"]))
            self.assertCountEqual([file for file in told["file"] if file.split()[0] in ours], expected)
            denied = {reason for reason in told["reason"] if ": EACCES" in reason}
            self.assertLessEqual(denied - denied_to_root, {"host: EACCES on a sysctl"})

    @staticmethod
    def add_hidden(root):
        os.makedirs(f"{root}/home/closed")
        shutil.copy(f"{root}/bin/busybox", f"{root}/home/closed/become")
        os.chmod(f"{root}/home/closed/become", 0o4755)
        os.chmod(f"{root}/home/closed", 0o700)

    @staticmethod
    def give_away(root):
        for path, _, files in os.walk(root):
            for name in [path, *(f"{path}/{file}" for file in files)]:
                os.lchown(name, 100000, 100000)


@harness.needs_root
class Shipper(ConfineCase):
    def shipper(self, *words, **options):
        directory, _ = self.place()
        return self.confined("--user", USER, "--state", directory, "shipper",
                             *(str(word).format(directory=directory) for word in words), **options)

    def test_what_it_keeps(self):
        report, _ = self.shipper("work")
        self.assertEqual((report["capabilities"], report["uid"], report["seccomp"]), ([], USER, True))
        if not report["landlock"]:
            self.assertIn("landlock", report["missing"][0])
        state = self.state_of("shipper", "--user", USER)
        self.assertEqual([state[name] for name in ("CapPrm", "CapEff", "CapInh", "CapAmb", "CapBnd")], ["0" * 16] * 5)

    def test_what_it_writes(self):
        self.shipper("keep", "{directory}")
        self.shipper("listen", "{directory}/control")

    def test_where_it_does_not_write(self):
        report, _ = self.shipper("nothing")
        if not report["landlock"]:
            self.skipTest("no Landlock here")
        other, path = self.place()
        os.chmod(other, 0o777)
        self.shipper("keep", other, says="EACCES")
        self.shipper("call", "openat", -100, path, 0, 0, says="EACCES")
        self.shipper("call", "unlink", path, says="EACCES")
        self.shipper("call", "openat", -100, "/etc/passwd", 0, 0)
        directory, _ = self.place()
        self.confined("--user", USER, "--written", f"{other}/log", "shipper", "keep", other)
        reader = ("--user", USER, "--read", path, "--state", directory, "shipper", "call", "openat", -100, path)
        self.confined(*reader, os.O_RDONLY, 0)
        self.confined(*reader, os.O_RDWR, 0, says="EACCES")
        report, _ = self.confined("--user", USER, "--state", f"{directory}/none/there", "shipper", "nothing")
        self.assertIn("not writable", report["missing"][0])

    def test_network(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
        server.RequestHandlerClass.log_message = lambda *_: None
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.undo(thread.join)
        self.undo(server.server_close)
        self.undo(server.shutdown)
        try:
            ctypes.CDLL("libcurl.so.4")
        except OSError:
            self.skipTest("not installed: libcurl.so.4")
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        self.shipper("fetch", address)
        self.confined("--user", USER, "parent", "then", "shipper", "fetch", address)
        self.shipper("resolve", "localhost")

    def test_what_ends_it(self):
        self.all_filtered(NEVER + NOT_BY_CHILDREN, "shipper")


@harness.needs_root
class Parent(ConfineCase):
    def test_what_it_keeps(self):
        report, _ = self.confined("--user", USER, "parent", "nothing")
        self.assertEqual((report["capabilities"], report["uid"], report["missing"]), (READING, USER, []))
        state = self.state_of("parent", "--user", USER)
        self.assertEqual((state["CapEff"], state["CapPrm"]), ("0" * 16, f"{harness.mask(*READING):016x}"))

    def test_what_ends_it(self):
        self.all_filtered(NEVER, "parent")

    def test_it_ends_its_children(self):
        for role in ("auditor", "shipper"):
            for users in (("--user", USER), ("--user", USER, "--auditor-user", OTHER)):
                with self.subTest(role=role, users=users):
                    _, lines = self.confined(*users, "parent", "end", role)
                    self.assertEqual(lines, [f"child ended by {signal.strsignal(signal.SIGTERM)}"])

    def test_others_of_its_user_do_not_get_at_it(self):
        """A process that is not dumpable has files in /proc that are root's."""
        for role in ("parent", "auditor", "shipper"):
            process = self.spawn(CONFINED, "--user", str(USER), role, "wait", ready=False)
            process.stdout.readline()
            owner = os.stat(f"/proc/{process.pid}/environ").st_uid
            self.assertEqual((owner, harness.status(process.pid)["Uid"].split()[0]), (0, str(USER)))

    def test_two_users(self):
        users = ("--user", USER, "--auditor-user", OTHER)
        _, reports, lines = self.run_confined(*users, "parent", "then", "shipper", "work")
        self.assertEqual(lines, ["ok", "child ended with 0", "ok"])
        self.assertEqual([(report["uid"], report["capabilities"]) for report in reports],
                         [(OTHER, ["CAP_DAC_READ_SEARCH", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SYS_PTRACE"]),
                          (USER, [])])
        self.assertEqual([report["missing"] for report in reports], [[], []])

    def test_a_filtered_child_is_told(self):
        _, lines = self.confined("--user", USER, "parent", "then", "auditor", "call", "socket", 2, 1, 0)
        self.assertEqual(lines, [f"child ended by {signal.strsignal(signal.SIGSYS)}, filtered"])


class NotRoot(ConfineCase):
    """As a sidecar is: a user from the start, with what its file or its container gives it."""

    def copy(self, capabilities=None):
        """The program where others reach it, with file capabilities when told."""
        directory = self.scratch()
        os.chmod(directory, 0o755)
        path = f"{directory}/confined"
        shutil.copy(CONFINED, path)
        os.chmod(path, 0o755)
        if capabilities:
            result = self.run_command("setcap", capabilities, path)
            if result.returncode:
                self.skipTest(f"setcap: {result.stderr.decode().strip()}")
        return path

    def as_user(self):
        return {"user": USER, "group": USER, "extra_groups": [], "cwd": "/"} if harness.is_root() else {"cwd": "/"}

    def test_without_a_capability(self):
        for role in ("parent", "auditor", "shipper"):
            report, _ = self.confined(role, "work", binary=self.copy(), **self.as_user())
            self.assertEqual((report["capabilities"], report["seccomp"], report["no_new_privs"]), ([], True, True))
            self.assertEqual(report["missing"][0].partition(":")[0], "securebits")
        self.confined("parent", "then", "auditor", "audit", binary=self.copy(), **self.as_user())

    @harness.needs_root
    @harness.needs("setcap")
    def test_with_file_capabilities(self):
        path = self.copy("cap_sys_ptrace,cap_dac_read_search,cap_net_admin+p")
        _, reports, lines = self.run_confined("parent", "then", "auditor", "status", binary=path, **self.as_user())
        state = dict(line.partition(":\t")[::2] for line in lines)
        self.assertEqual([report["capabilities"] for report in reports], [READING, READING])
        self.assertEqual((state["CapEff"], state["CapPrm"]), (f"{harness.mask(*READING):016x}",) * 2)
        self.assertEqual([report["missing"][1].partition(":")[0] for report in reports], ["bounding set"] * 2)
        self.confined("parent", "then", "shipper", "work", binary=path, **self.as_user())

    @harness.needs_root
    @harness.needs("setpriv")
    def test_root_that_may_not_change_its_user(self):
        wrap = ["setpriv", "--bounding-set", "-all,+sys_ptrace", "--inh-caps", "-all"]
        report, _ = self.confined("--user", USER, "auditor", "work", wrap=wrap)
        self.assertEqual((report["uid"], report["capabilities"]), (0, ["CAP_SYS_PTRACE"]))
        self.assertIn("user: stays root without CAP_SETUID and CAP_SETGID", report["missing"])

    @harness.needs("unshare")
    def test_in_a_user_namespace(self):
        wrap = ["unshare", "--user", "--map-root-user"]
        if self.run_command(*wrap, "true", **self.as_user()).returncode:
            self.skipTest("no user namespaces for this user")
        for words in (("auditor", "work"), ("parent", "then", "auditor", "audit"),
                      ("parent", "then", "shipper", "work")):
            report, _ = self.confined("--user", USER, *words, wrap=wrap, binary=self.copy(), **self.as_user())
            self.assertEqual(report["uid"], 0)
        self.assertTrue(report["seccomp"])


if __name__ == "__main__":
    harness.main()
