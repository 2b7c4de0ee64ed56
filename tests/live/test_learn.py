"""proctor learn: what real programs in real containers ask the kernel for."""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import shlex
import shutil
import signal
import subprocess

import harness
from containers import Container, grant, libraries_of, needs_containers, user_namespace
from harness import Case

NOTHING = "watching capabilities"  # how its errors begin


def reason():
    """Why no one can be watched here; None: it works."""
    result = subprocess.run([harness.PROCTOR, "learn", "--duration", "1s", "--format", "json"], check=False,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=harness.TIMEOUT)
    text = result.stderr.decode().strip()
    return text if NOTHING in text else None


def tells_ids():
    """Whether mount namespaces have numbers that are not given away again (Linux 6.11): then who learns may run beside
    others."""
    get_id, size = 0x8008b705, 8  # NS_GET_MNTNS_ID
    with open("/proc/self/ns/mnt", "rb") as mounts, contextlib.suppress(OSError):
        fcntl.ioctl(mounts, get_id, bytes(size))
        return True
    return False


def is_attached(pid):
    """Whether the process has BPF programs that are attached."""
    links = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            continue
    return any("bpf_link" in link or "bpf_tracing" in link or "perf_event" in link for link in links)


class Watching(Case):
    """Containers, and what is learned of them."""

    @classmethod
    def setUpClass(cls):
        why = reason()
        if why:
            raise harness.unittest.SkipTest(why)

    def watch(self, *arguments, **options):
        """Starts it for a document, and returns when it counts."""
        return self.start("--format", "json", *arguments, **options)

    def start(self, *arguments, before=()):
        process = subprocess.Popen([*before, harness.PROCTOR, "learn", "--duration", "10m", *arguments],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.undo(harness.stop, process)
        self.wait_for(lambda: is_attached(process.pid))
        return process

    def learned(self, process, identity):
        """Ends it; what it says of the container."""
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=harness.TIMEOUT)
        self.assertEqual((process.returncode, errors), (0, b""))
        document = json.loads(output)
        self.validate(document)
        found = [container for container in document["containers"] if container["id"] == identity]
        self.assertEqual(len(found), 1)
        return found[0]

    def run_in(self, container, script):
        """Runs a script in the container, to its end."""
        done = f"{container.root}/tmp/done"
        container.execute(argv=["/tools/busybox", "sh", "-c", f"PATH=/tools; cd /tmp; {script}; touch /tmp/done"])
        self.wait_for(lambda: os.path.exists(done))
        os.unlink(done)

    def container(self, name, *changes):
        def add_tools(root):
            os.makedirs(f"{root}/tools")
            for tool in ("cat", "chmod", "chown", "chroot", "id", "mknod", "sleep", "su", "touch", "unshare"):
                os.symlink("/tools/busybox", f"{root}/tools/{tool}")
            shutil.copy(f"{root}/bin/busybox", f"{root}/tools/busybox")  # a file that its first process does not run

        return Container(self, name, *changes, prepare=add_tools)

    def required(self, told):
        return {use["capability"] for use in told["used"] if use["required"]}


@needs_containers
class Learn(Watching):
    def test_what_is_required(self):
        watch = self.watch()
        container = self.container("required")
        self.run_in(container, "touch f; chown 33 f; mknod d c 1 3; chroot / /tools/busybox true; "
                               "su app -c 'id' >/dev/null 2>&1")
        told = self.learned(watch, container.id)
        self.assertEqual(self.required(told), {"CAP_CHOWN", "CAP_MKNOD", "CAP_SYS_CHROOT", "CAP_SETUID", "CAP_SETGID"})
        self.assertEqual(set(told["recommended"]), self.required(told))
        self.assertEqual(set(told["granted"]), set(harness.names(harness.DOCKER_DEFAULT)))
        self.assertEqual(told["denied"], [])
        self.assertTrue(told["saw_start"] and told["complete"])
        self.assertEqual(told["events_lost"], 0)
        chown = next(use for use in told["used"] if use["capability"] == "CAP_CHOWN")
        self.assertEqual((chown["count"], chown["executables"]), (1, ["/tools/busybox"]))
        self.assertLessEqual(chown["first_seen"], chown["last_seen"])

    def test_noise_is_no_use(self):
        """Programs that only start, map memory and end are asked for CAP_SYS_ADMIN again and again."""
        watch = self.watch()
        container = self.container("quiet", lambda config: grant(config, [*harness.names(harness.DOCKER_DEFAULT),
                                                                          "CAP_SYS_ADMIN", "CAP_SYS_PTRACE"]))
        self.run_in(container, "cat /proc/self/stat /proc/1/stat >/dev/null; id >/dev/null; sleep 0")
        told = self.learned(watch, container.id)
        self.assertEqual((told["used"], told["denied"], told["recommended"]), ([], [], []))

    def test_what_is_optional(self):
        """chmod of a file of another group: without CAP_FSETID the bit is not set, and the call succeeds."""
        watch = self.watch()
        container = self.container("optional")
        self.run_in(container, "touch f; chown 0:33 f; chmod 2755 f")
        told = self.learned(watch, container.id)
        self.assertEqual([one["capability"] for one in told["optional"]], ["CAP_FSETID"])
        self.assertIn("set-group-ID", told["optional"][0]["reason"])
        self.assertNotIn("CAP_FSETID", told["recommended"])

    def test_ids_that_it_has_already(self):
        """setuid(2) asks before it looks: to become oneself needs nothing."""
        watch = self.watch()
        container = self.container("same")
        self.run_in(container, "su root -c id >/dev/null 2>&1")
        told = self.learned(watch, container.id)
        uses = {use["capability"]: use["required"] for use in told["used"]}
        self.assertIs(uses.get("CAP_SETUID"), False)

    def test_what_is_denied(self):
        watch = self.watch()
        container = self.container("denied", lambda config: grant(config, ["CAP_KILL"]))
        self.run_in(container, "touch f; chown 33 f 2>/dev/null; chroot / /tools/busybox true 2>/dev/null")
        told = self.learned(watch, container.id)
        self.assertEqual({one["capability"] for one in told["denied"]}, {"CAP_CHOWN", "CAP_SYS_CHROOT"})
        self.assertEqual(told["used"], [])
        self.assertEqual(told["granted"], ["CAP_KILL"])

    def test_read_search_before_override(self):
        """A closed file: the kernel asks for CAP_DAC_READ_SEARCH, then for CAP_DAC_OVERRIDE, which it has."""
        watch = self.watch()
        container = self.container("closed")
        self.run_in(container, "touch f; chown 33 f; chmod 0 f; cat f >/dev/null")
        told = self.learned(watch, container.id)
        self.assertIn("CAP_DAC_OVERRIDE", told["recommended"])
        self.assertEqual(told["denied"], [])

    def test_a_namespace_of_its_own(self):
        """In a user namespace that a program made it may do all, and needs nothing of the container's for it."""
        watch = self.watch()
        container = self.container("nested", lambda config: config["linux"].pop("seccomp"))
        self.run_in(container, "su app -c '/tools/unshare -Ur /tools/chown 0 /tmp' >/dev/null 2>&1")
        told = self.learned(watch, container.id)
        self.assertNotIn("CAP_SYS_ADMIN", told["recommended"])
        self.assertNotIn("CAP_CHOWN", told["recommended"])

    def test_a_container_in_a_user_namespace(self):
        watch = self.watch()
        container = self.container("mapped", user_namespace)
        self.run_in(container, "chown 33 /tmp/g 2>/dev/null; chroot / /tools/busybox true")
        told = self.learned(watch, container.id)
        self.assertIn("CAP_SYS_CHROOT", told["recommended"])

    def test_what_ran_before(self):
        container = self.container("before")
        watch = self.watch()
        self.run_in(container, "touch f; chown 33 f")
        told = self.learned(watch, container.id)
        self.assertEqual((told["saw_start"], told["complete"]), (False, False))
        self.assertEqual(told["recommended"], ["CAP_CHOWN"])

    def test_only_one(self):
        one, other = self.container("one"), self.container("other")
        watch = self.watch("--container", one.id)
        self.run_in(one, "touch f; chown 33 f")
        watch.send_signal(signal.SIGTERM)
        document = json.loads(watch.communicate(timeout=harness.TIMEOUT)[0])
        self.assertEqual([container["id"] for container in document["containers"]], [one.id])
        self.assertNotEqual(one.id, other.id)

    def test_the_table(self):
        container = self.container("table")
        process = subprocess.Popen([harness.PROCTOR, "learn", "--duration", "10m"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.undo(harness.stop, process)
        self.wait_for(lambda: is_attached(process.pid))
        self.run_in(container, "touch f; chown 33 f")
        process.send_signal(signal.SIGINT)
        text = process.communicate(timeout=harness.TIMEOUT)[0].decode()
        self.assertRegex(text, rf"{container.id}\s+chown\s+required\s+1\s+/tools/busybox")
        self.assertIn(f"{container.id}: keep chown; drop ", text)
        self.assertIn("its start was not seen", text)

    @harness.needs("script")
    def test_progress(self):
        """On a terminal it shows what was seen so far."""
        container = self.container("shown")
        command = shlex.join([harness.PROCTOR, "learn", "--duration", "10m", "--container", container.id])
        watch = subprocess.Popen(["script", "-qefc", f"exec {command}", "/dev/null"], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.undo(harness.stop, watch)
        os.set_blocking(watch.stdout.fileno(), False)
        shown = b""

        def shows(text):
            nonlocal shown
            shown += watch.stdout.read() or b""
            return text in shown
        self.wait_for(lambda: shows(b"1 container; ^C ends it"))
        self.run_in(container, "touch f; chown 33 f")
        self.wait_for(lambda: shows(b"1 container, which needed chown; ^C ends it"))
        watch.stdin.write(b"\x03")
        watch.stdin.flush()
        self.wait_for(lambda: shows(b": keep chown;"))

    def test_what_looks_only_and_fails(self):
        """seccomp(2) asks as those do that only look; without no_new_privs it fails all the same."""
        watch = self.watch()
        container = self.container("filter", lambda config: (config["linux"].pop("seccomp"), grant(config, ["CAP_KILL"])))
        shutil.copy(harness.HELPER, f"{container.root}/tools/helper")
        for library in libraries_of(harness.HELPER):
            os.makedirs(container.root + os.path.dirname(library), exist_ok=True)
            shutil.copy(library, container.root + library)
        self.run_in(container, "helper seccomp 1 </dev/null >/dev/null 2>&1")
        told = self.learned(watch, container.id)
        self.assertIn("CAP_SYS_ADMIN", {one["capability"] for one in told["denied"]})

    def test_lines(self):
        container = self.container("lines")
        watch = self.watch("--format", "ndjson", "--output-file", f"{self.scratch()}/learned")
        self.run_in(container, "touch f; chown 33 f")
        watch.send_signal(signal.SIGINT)
        self.assertEqual(watch.communicate(timeout=harness.TIMEOUT), (b"", b""))
        with open(watch.args[-1], encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        told = next(line for line in lines if line["id"] == container.id)
        self.assertEqual((told["type"], told["recommended"]), ("learned", ["CAP_CHOWN"]))

    def test_two_at_once(self):
        one, other = self.watch(), self.watch()
        container = self.container("both")
        self.run_in(container, "touch f; chown 33 f")
        for watch in one, other:
            self.assertEqual(self.learned(watch, container.id)["used"][0]["count"], 1)

    def test_what_came_and_went(self):
        """A mount namespace that was never looked at: its checks are told as unseen."""
        watch = self.watch()
        container = self.container("beside")
        for _ in range(20):
            subprocess.run(["unshare", "--mount", "chroot", "/", "true"], check=True, timeout=harness.TIMEOUT)
        self.assertGreater(self.learned(watch, container.id)["checks_unseen"], 0)

    def test_functions_that_are_hidden(self):
        """Without CAP_SYSLOG: noise is told as required, but for certain it is not."""
        if os.access("/proc/sys/kernel/kptr_restrict", os.R_OK):
            with open("/proc/sys/kernel/kptr_restrict", encoding="ascii") as file, \
                    open("/proc/sys/kernel/perf_event_paranoid", encoding="ascii") as paranoid:
                if file.read().strip() == "0" and int(paranoid.read()) <= 1:
                    self.skipTest("the kernel shows its addresses to everyone")
        container = self.container("hidden")
        watch = self.watch(before=["setpriv", "--bounding-set", "-syslog"])
        self.run_in(container, "touch f; chown 33 f")
        told = self.learned(watch, container.id)
        self.assertIn("could not be told", next(one["reason"] for one in told["used"]
                                                 if one["capability"] == "CAP_CHOWN"))
        self.assertIn("could not be told", next(one["reason"] for one in told["denied"]
                                                 if one["capability"] == "CAP_SYS_ADMIN"))

    def test_its_end_by_itself(self):
        container = self.container("end")
        self.assertIn(container.id.encode(), self.proctor("learn", "--duration", "1s").stdout)


def hide(path, kind):
    """A command in a mount namespace of its own, in which the path is an empty file or directory."""
    script = f"mount -t tmpfs tmpfs /mnt && {kind} /mnt/empty && mount --bind /mnt/empty {path} && exec \"$@\""
    return ["unshare", "--mount", "sh", "-c", script, "sh"]


def refuse_bpf():
    """From now on bpf(2) answers EPERM, as it does of a kernel that is locked down."""
    allow, fail = 0x7fff0000, 0x00050000 | errno.EPERM  # SCMP_ACT_ALLOW, SCMP_ACT_ERRNO
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(allow)))
    call = library.seccomp_syscall_resolve_name(b"bpf")
    if library.seccomp_rule_add(context, ctypes.c_uint32(fail), call, 0) or library.seccomp_load(context):
        raise OSError("no filter")


@harness.needs_root
class Refused(Case):
    """One line, with what to do; it goes on with less."""

    def refusal(self, *before, **options):
        result = subprocess.run([*before, harness.PROCTOR, "learn", "--duration", "1s"], check=False,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=harness.TIMEOUT, **options)
        text = result.stderr.decode()
        if "was built without it" in text:
            self.skipTest("built without")
        self.assertEqual((result.returncode, text.count("\n")), (0, 1), text)
        return text

    def test_without_privilege(self):
        for before in (["setpriv", f"--reuid={harness.NOBODY}", "--clear-groups"],
                       ["setpriv", "--bounding-set", "-bpf,-perfmon,-sys_admin"],
                       ["setpriv", "--bounding-set", "-perfmon,-sys_admin"]):
            self.assertIn("CAP_BPF, CAP_PERFMON", self.refusal(*before))

    def test_without_the_library(self):
        told = subprocess.run(["ldconfig", "-p"], stdout=subprocess.PIPE, check=True).stdout.decode()
        paths = [line.split()[-1] for line in told.splitlines() if "libbpf.so.1 " in line]
        if not paths:
            self.skipTest("libbpf is not installed")
        self.assertIn("install libbpf", self.refusal(*hide(os.path.realpath(paths[0]), "touch")))

    def test_without_types(self):
        if not os.path.exists("/sys/kernel/btf/vmlinux"):
            self.skipTest("the kernel has no BTF")
        self.assertIn("CONFIG_DEBUG_INFO_BTF", self.refusal(*hide("/sys/kernel/btf", "mkdir")))

    def test_by_the_kernel(self):
        text = self.refusal(preexec_fn=refuse_bpf)
        self.assertIn("tracepoint: Operation not permitted", text)
        self.assertIn("/sys/kernel/security/lockdown", text)
        audited = subprocess.run([harness.PROCTOR, "audit", "--format", "json", "--rule", "process.root-user"], check=False,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=harness.TIMEOUT, preexec_fn=refuse_bpf)
        self.assertEqual(audited.stderr, b"")
        self.assertTrue(json.loads(audited.stdout)["processes"])

    def test_times(self):
        for value in "0", "2d", "x", "-1":
            self.assertOneLine(self.proctor("learn", "--duration", value, status=2).stderr, "--duration")


if __name__ == "__main__":
    harness.main(alone=not tells_ids())
