"""What the live tests share: TAP on stdout, Proctor and its document, processes made to order.

A test file is run by itself: `python3 tests/live/test_NAME.py [Class.test …]`. From the environment come
PROCTOR (the binary), HELPER (tests/live/helper.c, built) and top_srcdir; each has a default that is right
at the root of a build within the source tree.

Whatever a test starts or mounts is undone when the test ends, or, at the latest, when the program does.
Processes hang on a pipe of this program besides, so that they end with it whatever becomes of it."""

import atexit
import ctypes
import fcntl
import json
import os
import pathlib
import pwd
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import traceback
import unittest

SOURCE = pathlib.Path(os.environ.get("top_srcdir", pathlib.Path(__file__).parents[2])).absolute()
PROCTOR = os.path.abspath(os.environ.get("PROCTOR", "proctor"))
HELPER = os.path.abspath(os.environ.get("HELPER", "tests/live/helper"))
TIMEOUT = int(os.environ.get("TEST_TIMEOUT", "300"))  # seconds after which a command counts as hanging, however slow the machine
SLOW = 10  # seconds of a test that are worth a remark
NOBODY = 65534
AUDIT = ("audit", "--no-collector", "filesystem")  # without the walk over all files, which other tests do

SANITIZED = os.path.exists(PROCTOR) and b"__asan_init" in pathlib.Path(PROCTOR).read_bytes()
WITHOUT_LEAKS = {"ASAN_OPTIONS": "detect_leaks=0"}  # for where the sanitizer may not trace itself

CAPABILITIES = ["CAP_" + name.upper() for name in """
    chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable
    net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot
    sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease
    audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read
    perfmon bpf checkpoint_restore""".split()]
DOCKER_DEFAULT = 0xA80425FB


def mask(*names):
    """The set of the named capabilities, as a number."""
    return sum(1 << CAPABILITIES.index(name) for name in names)


def names(bits):
    """The capabilities of a set, in the kernel's order; one without a name goes by its number."""
    return [CAPABILITIES[i] if i < len(CAPABILITIES) else f"CAP_{i}" for i in range(64) if bits >> i & 1]


def capability_text(text, everything):
    """cap_to_text(3) back to the effective, permitted and inheritable set."""
    sets = {"e": 0, "p": 0, "i": 0}
    for clause in text.split():
        listed = re.match("[^=+-]*", clause)[0]
        bits = mask(*map(str.upper, listed.split(","))) if listed not in ("", "all") else everything
        for operator, flags in re.findall("([=+-])([eip]*)", clause[len(listed):]):
            for flag in sets:
                if operator == "-" and flag in flags or operator == "=" and flag not in flags:
                    sets[flag] &= ~bits
                elif flag in flags:
                    sets[flag] |= bits
    return sets["e"], sets["p"], sets["i"]


# ---- the kernel's own word -----------------------------------------------------------------------------

def status(pid, proc="/proc"):
    """/proc/PID/status: each field's text."""
    with open(f"{proc}/{pid}/status", "rb") as file:
        lines = file.read().split(b"\n")
    fields = (line.split(b":", 1) for line in lines if b":" in line)
    return {name.decode("latin-1"): value.strip().decode("latin-1") for name, value in fields}


def sets(pid):
    """The five capability sets of a task, as numbers, by the names that the document has."""
    fields = status(pid)
    return {name: int(fields[field], 16) for name, field in (
        ("effective", "CapEff"), ("permitted", "CapPrm"), ("inheritable", "CapInh"),
        ("bounding", "CapBnd"), ("ambient", "CapAmb"))}


def capget(pid):
    """effective, permitted, inheritable by capget(2)."""
    header = (ctypes.c_uint32 * 2)(0x20080522, pid)
    data = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capget(header, data):
        raise OSError(ctypes.get_errno(), "capget", pid)
    return {"effective": data[0] | data[3] << 32, "permitted": data[1] | data[4] << 32,
            "inheritable": data[2] | data[5] << 32}


def start_time(pid):
    """Field 22 of /proc/PID/stat."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[19])


def own_sets():
    return sets(os.getpid())


def is_root():
    return os.geteuid() == 0


# ---- what a test needs ---------------------------------------------------------------------------------

def needs_root(item):
    return unittest.skipUnless(is_root(), "needs root")(item)


def needs(*commands):
    missing = [name for name in commands if not find_command(name)]
    return unittest.skipIf(missing, "not installed: " + ", ".join(missing))


def find_command(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def fixture_reason():
    """Why nothing at all can be tested; None when it can."""
    for path, what in ((PROCTOR, "PROCTOR"), (HELPER, "HELPER")):
        if not os.access(path, os.X_OK):
            return f"{what}: {path} cannot be run"
    return None


# ---- undoing -------------------------------------------------------------------------------------------

class Undo:
    """Something to undo once: by its test, or at exit when the test did not come to it."""
    pending = []

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments
        Undo.pending.append(self)

    def __call__(self):
        if self in Undo.pending:
            Undo.pending.remove(self)
            self.function(*self.arguments)

    @staticmethod
    def all():
        for undo in reversed(list(Undo.pending)):
            try:
                undo()
            except Exception:  # the rest is to be undone as well
                traceback.print_exc()


def stop(process):
    """Ends a child that was started with a pipe as its stdin."""
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


def end_daemon(daemon):
    """Asks a daemon that was started to end, and waits until it has put away what it made."""
    daemon.terminate()
    try:
        daemon.wait(timeout=30)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def remove_tree(path):
    """Removes a scratch directory, and before it what is still mounted beneath."""
    with open("/proc/self/mountinfo", "rb") as file:
        points = [line.split()[4].decode("unicode_escape") for line in file]
    for point in reversed(points):
        if point == path or point.startswith(path + "/"):
            subprocess.run(["umount", "--lazy", point], check=False)
    shutil.rmtree(path, ignore_errors=True)


# ---- tests ---------------------------------------------------------------------------------------------

class Keeper:
    """Whoever starts things that are to be undone: a test, or a class of tests."""

    def scratch(self):
        """A directory of its own, that every user may enter."""
        path = tempfile.mkdtemp(prefix="proctor-live-")
        os.chmod(path, 0o755)
        self.undo(remove_tree, path)
        return path


class ClassKeeper(Keeper):
    """For setUpClass: what it starts lives until the last test of the class is done."""

    def __init__(self, case):
        self.case = case

    def undo(self, function, *arguments):
        undo = Undo(function, *arguments)
        self.case.addClassCleanup(undo)
        return undo


class Case(Keeper, unittest.TestCase):
    maxDiff = None
    _validator = None

    comment = staticmethod(lambda text: comment(text))

    def undo(self, function, *arguments):
        undo = Undo(function, *arguments)
        self.addCleanup(undo)
        return undo

    def free_port(self, host="127.0.0.1"):
        """One for a server that is begun later. It stays bound until then and on, by a socket that does not listen: no
        connection is given it, and who sets SO_REUSEADDR, as servers do, may bind it beside (socket(7))."""
        kept = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.undo(kept.close)
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind((host, 0))
        return kept.getsockname()[1]

    def spawn(self, *argv, ready=True, **options):
        """Starts a command that ends, or execs into something that ends, in the helper; waits until it is
        ready. The process hangs on its stdin."""
        process = subprocess.Popen([str(word) if not isinstance(word, bytes) else word for word in argv],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
        self.undo(stop, process)
        if ready:
            line = process.stdout.readline()
            self.assertEqual(line, b"ready\n", f"{argv}: did not become ready")
        return process

    def helper(self, *steps, **options):
        return self.spawn(HELPER, *steps, **options)

    def child(self, process):
        """The pid of the only child of a process: what `unshare --fork` and the like started."""
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
            children = file.read().split()
        self.assertEqual(len(children), 1)
        return int(children[0])

    def wait_for(self, condition):
        """Waits until it holds."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.01)
        self.fail("did not come to be")

    def run_command(self, *argv, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                   "timeout": TIMEOUT, "env": dict(os.environ, LC_ALL="C.UTF-8"), **options}
        if "input" in options:
            del options["stdin"]
        return subprocess.run([find_command(argv[0]) or argv[0], *map(str, argv[1:])], check=False, **options)

    def proctor(self, *arguments, status=0, wrap=(), user=None, binary=None, **options):
        """Runs Proctor, behind the words of `wrap` and as another user when told. The exit status has to be
        `status`, None: any."""
        if user is not None:
            options.update(user=user, group=user, extra_groups=[])
            options.setdefault("cwd", "/")
        result = self.run_command(*wrap, binary or self.binary(user), *arguments, **options)
        text = f"proctor {' '.join(map(str, arguments))}: exit {result.returncode}, stderr: " \
               f"{(result.stderr or b'')[-4000:].decode(errors='replace')}"
        self.assertGreaterEqual(result.returncode, 0, text)
        for word in (b"Sanitizer", b"runtime error"):
            self.assertNotIn(word, result.stderr or b"", text)
        if status is not None:
            self.assertEqual(result.returncode, status, text)
        return result

    def on_terminal(self, *arguments, columns=80, errors=False, **environment):
        """What Proctor prints on a terminal of that many columns, its stderr too when told; needs script(1)."""
        words = shlex.join(map(str, (PROCTOR, *arguments)))
        result = self.run_command("script", "--quiet", "--return", "--command",
                                  f"stty cols {columns} rows 24; {words}{'' if errors else ' 2>/dev/null'}",
                                  "/dev/null",
                                  env=dict(os.environ, LC_ALL="C.UTF-8", TERM="xterm", **environment))
        self.assertEqual(result.returncode, 0, result.stdout[-2000:])
        return result.stdout.decode().replace("\r\n", "\n")

    def document(self, *arguments, **options):
        """Proctor's JSON document, checked against the schema."""
        result = self.proctor(*arguments, "--format", "json", **options)
        document = json.loads(result.stdout.decode("utf-8"))
        self.validate(document)
        return document

    def validate(self, document):
        validator = self.validator()
        if validator:
            errors = [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
                      for _, error in zip(range(5), validator.iter_errors(document))]
            self.assertEqual(errors, [], "the document does not match its schema")

    def validate_line(self, record):
        """A line of ndjson against its part of the schema."""
        validator = self.validator()
        if validator:
            part = validator.evolve(schema={"$ref": "#/$defs/line", "$defs": validator.schema["$defs"]})
            self.assertEqual([error.message[:300] for error in part.iter_errors(record)], [])

    def lines(self, *arguments, **options):
        """Proctor's records, one a line, each checked against the schema."""
        result = self.proctor(*arguments, "--format", "ndjson", **options)
        records = [json.loads(line) for line in result.stdout.decode("utf-8").splitlines()]
        for record in records:
            self.validate_line(record)
        return records

    @classmethod
    def validator(cls):
        """The schema's validator; None without python3-jsonschema."""
        if Case._validator is None:
            try:
                import jsonschema
            except ImportError:
                return None
            path = SOURCE / "dist/schema/proctor.schema.json"
            if not path.exists():
                return None
            schema = json.loads(path.read_text())
            jsonschema.Draft202012Validator.check_schema(schema)
            Case._validator = jsonschema.Draft202012Validator(schema)
        return Case._validator

    def binary(self, user=None):
        """Where `user` finds Proctor: a copy when the build lies in a directory closed to others."""
        if user in (None, 0) or everyone_may_run(PROCTOR):
            return PROCTOR
        copy = os.path.join(self.scratch(), "proctor")
        shutil.copy(PROCTOR, copy)
        os.chmod(copy, 0o755)
        return copy

    def commands(self):
        """The names of the commands, by --help."""
        text = self.proctor("--help").stdout.decode().partition("Commands:\n")[2].partition("\n\n")[0]
        return re.findall(r"^  ([a-z-]+)(?: |$)", text, re.MULTILINE)

    def options(self, command):
        """The long options of a command, by its --help."""
        text = self.proctor(command, "--help").stdout.decode()
        return set(re.findall(r"^  (?:-., |    )(--[a-z-]+)", text, re.MULTILINE))

    def ps(self, *pids, arguments=(), **options):
        """The records of `proctor ps` by pid, for these or for all processes."""
        chosen = ["-p", ",".join(map(str, pids))] if pids else ["-a"]
        document = self.document("ps", *chosen, *arguments, **options)
        return {process["pid"]: process for process in document["processes"]}

    def assertSets(self, record, pid=None, thread=None):
        """The record's sets are those that the kernel tells of the task."""
        told = sets(thread or pid or record["pid"])
        self.assertEqual({name: record["capabilities"][name] for name in told},
                         {name: names(bits) for name, bits in told.items()})

    def assertOneLine(self, stderr, *words):
        """An error is told on one line, which names the program."""
        text = stderr.decode()
        self.assertRegex(text, r"\Aproctor: [^\n]+\n(Try [^\n]+\n)?\Z")
        for word in words:
            self.assertIn(word, text)


def everyone_may_run(path):
    path = pathlib.Path(path)
    return all(os.stat(part).st_mode & stat.S_IXOTH for part in (path, *path.parents))


def user_name(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


# ---- TAP -----------------------------------------------------------------------------------------------

def comment(text):
    """A remark for whoever reads the log."""
    for line in text.rstrip().split("\n"):
        print("#", line.encode("ascii", "backslashreplace").decode(), flush=True)


class TapResult(unittest.TestResult):
    """One line a test, as soon as it is known; what is wrong in comments before it."""

    def __init__(self):
        super().__init__()
        self.count = 0
        self.failed = False
        self.bad_parts = set()  # tests with a failed part (subTest)

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        if time.monotonic() - self.started > SLOW:
            comment(f"that took {time.monotonic() - self.started:.0f} s")

    def line(self, good, test, rest=""):
        self.count += 1
        self.failed |= not good
        name = test.id().removeprefix("__main__.").replace("#", "")
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}{rest}", flush=True)

    def addSuccess(self, test):
        if test.id() not in self.bad_parts:
            self.line(True, test)

    def addSkip(self, test, reason):
        self.line(True, test, f" # SKIP {reason}")

    def addFailure(self, test, err):
        comment("".join(traceback.format_exception(*err)))
        self.line(False, test)

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err:
            comment(f"{subtest}\n" + "".join(traceback.format_exception(*err)))
            if test.id() not in self.bad_parts:
                self.bad_parts.add(test.id())
                self.line(False, test)


def interrupt(number, _frame):
    raise KeyboardInterrupt(f"signal {number}")


def wait_for_others(alone):
    """Tests of one build that may run beside each other share a lock of its program, which one that may not has alone.
    It is given back when this program ends."""
    lock = os.open(PROCTOR, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)


def main(alone=False):
    """Runs the tests of the file that was started. `alone`: no other file's may run meanwhile, for it compares what
    the whole machine has at two moments, or learns by inode numbers of mount namespaces, which the kernel gives away
    again."""
    signal.signal(signal.SIGTERM, interrupt)
    atexit.register(Undo.all)
    reason = fixture_reason()
    if reason:
        print(f"Bail out! {reason}")
        sys.exit(1)
    wait_for_others(alone)
    loader = unittest.defaultTestLoader
    module = sys.modules["__main__"]
    suite = loader.loadTestsFromNames(sys.argv[1:], module) if sys.argv[1:] else \
        loader.loadTestsFromModule(module)
    result = TapResult()
    suite.run(result)
    print(f"1..{result.count}", flush=True)
    sys.exit(0)
