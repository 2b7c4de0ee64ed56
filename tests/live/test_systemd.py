"""The unit of the agent: what systemd-analyze says of it, that Proctor sees the host by its settings and calls what
it allows, and the user and the directory that go with it."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import harness
import image

PLACE = harness.SOURCE / "dist/systemd"
EXPOSURE_MAX = 25  # tenths
CAPABILITIES = "sys_ptrace", "dac_read_search", "net_admin"


def keys(name):
    """The words by which a comment would name a point that systemd-analyze found."""
    key = name.partition("=~")[2].lstrip("@") or name.partition("=")[0]
    several = re.fullmatch(r"(\w+_)\((.*)\)", key)
    return [several[1] + end.rstrip("*") for end in several[2].split("|")] if several else [key]


def as_the_unit():
    """Options of setpriv(1): a user who is not root, with the unit's capabilities."""
    names = ",".join(f"+{name}" for name in CAPABILITIES)
    return ["--reuid", harness.NOBODY, "--regid", harness.NOBODY, "--clear-groups", "--no-new-privs",
            "--inh-caps", f"-all,{names}", "--ambient-caps", f"-all,{names}", "--bounding-set", f"-all,{names}"]


class UnitCase(harness.Case):
    def setUp(self):
        self.text = (PLACE / "proctor.service.in").read_text()
        self.unit = f"{self.scratch()}/proctor.service"
        pathlib.Path(self.unit).write_text(self.text.replace("@bindir@", os.path.dirname(harness.PROCTOR)))

    def settings(self, name):
        return re.findall(rf"^{name}=(.*)$", self.text, re.MULTILINE)


@harness.needs("systemd-analyze")
class AnalyzeTest(UnitCase):
    def test_security(self):
        """At most 2.5, and each point that remains is told of in a comment."""
        result = self.run_command("systemd-analyze", "security", "--no-pager", "--offline=yes",
                                  f"--threshold={EXPOSURE_MAX}", self.unit)
        self.assertEqual(result.returncode, 0, result.stdout.decode())
        self.comment(result.stdout.decode().strip().split("\n")[-1])
        told = self.run_command("systemd-analyze", "security", "--no-pager", "--offline=yes", "--json=short", self.unit)
        comments = "\n".join(re.findall("^#.*$", self.text, re.MULTILINE))
        left = [item["name"] for item in json.loads(told.stdout) if item["set"] is False and item["exposure"]]
        self.assertTrue(left)
        self.assertEqual([name for name in left if not any(key in comments for key in keys(name))], [])

    def test_verify(self):
        result = self.run_command("systemd-analyze", "verify", "--man=no", self.unit)
        self.assertEqual((result.returncode, result.stderr.decode()), (0, ""))

    def groups(self):
        """The system calls of each group, as this systemd has them."""
        text = self.run_command("systemd-analyze", "--no-pager", "syscall-filter").stdout.decode()
        listed = {block.split("\n")[0].strip(): re.findall(r"^ +(@?[a-z_0-9-]+)$", block, re.MULTILINE)
                  for block in text.split("\n\n") if block.startswith("@")}

        def calls(name):
            return {call for item in listed[name] for call in calls(item)} if name.startswith("@") else {name}
        return calls

    def allowed(self):
        """The system calls of the unit's list."""
        calls, allowed = self.groups(), set()
        for line in self.settings("SystemCallFilter"):
            named = {call for word in line.lstrip("~").split() for call in calls(word)}
            allowed = allowed - named if line.startswith("~") else allowed | named
        return allowed

    def assertAllowed(self, path, *some, tried=()):
        """Those that strace counted; those `tried` may be refused."""
        made = {word for word in pathlib.Path(path).read_text().split() if re.fullmatch("[a-z_][a-z_0-9]*", word)}
        self.assertLessEqual(set(some), made)
        self.assertEqual(made - {"syscall", "total", *tried} - self.allowed(), set())

    @harness.needs_root
    @harness.needs("strace")
    def test_calls_of_an_audit(self):
        if harness.SANITIZED:
            self.skipTest("sanitizers make calls of their own")
        output = f"{self.scratch()}/calls"
        self.proctor("audit", "--no-collector", "filesystem", wrap=("strace", "-f", "-c", "-U", "name", "-o", output))
        self.assertAllowed(output, "openat2")

    @image.needs_agent
    @harness.needs_root
    @harness.needs("strace", "setpriv")
    def test_calls_of_the_agent(self):
        """From its start as the unit starts it to its end by SIGTERM."""
        if harness.SANITIZED:
            self.skipTest("sanitizers make calls of their own")
        place = self.scratch()
        os.chown(place, harness.NOBODY, harness.NOBODY)
        pathlib.Path(f"{place}/conf").write_text("[paths]\nexclude = /*\n")  # strace makes a walk over all files long
        command = [harness.find_command("setpriv"), *as_the_unit(), "strace", "-f", "-c", "-U", "name", "-o",
                   f"{place}/calls", self.binary(harness.NOBODY), "agent", "--state", place, "--config", f"{place}/conf"]
        with open(f"{place}/out", "wb") as out:
            traced = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.undo(harness.end_daemon, traced)
        self.wait_for(lambda: traced.poll() is not None or '"type":"heartbeat"' in pathlib.Path(out.name).read_text())
        self.assertIsNone(traced.poll(), pathlib.Path(out.name).read_text()[-2000:])
        with open(f"/proc/{traced.pid}/task/{traced.pid}/children", encoding="ascii") as children:
            os.kill(int(children.read().split()[0]), signal.SIGTERM)
        self.assertEqual(traced.wait(timeout=harness.TIMEOUT), 0)
        self.assertAllowed(f"{place}/calls", "openat2", "landlock_restrict_self", "seccomp", "capset",
                           tried=["bpf"])  # whether it may learn, which the unit does not let it


@harness.needs_root
@harness.needs("setpriv", "unshare", "mount")
class ViewTest(UnitCase):
    """As the unit has it started: a user with three capabilities, /tmp, /var/tmp and /home of its own."""

    SCRIPT = """set -e
        mount --make-rslave /
        for place in /tmp /var/tmp /home; do mount -t tmpfs none $place; done
        cat <&3 >/tmp/proctor
        chmod 755 /tmp/proctor
        exec setpriv "$@" /tmp/proctor audit --format json"""

    def test_sees_the_host(self):
        self.assertEqual([set(line.split()) for line in self.settings("CapabilityBoundingSet")],
                         [{f"CAP_{name.upper()}" for name in CAPABILITIES}])
        directory = tempfile.mkdtemp(prefix="proctor-live-", dir="/var/tmp")
        self.undo(shutil.rmtree, directory)
        marked = f"{directory}/become"
        shutil.copy("/bin/true", marked)
        os.chmod(marked, 0o4755)
        with open(harness.PROCTOR, "rb") as binary:
            result = self.run_command("sh", "-c", f"exec 3<&0; unshare --mount sh -c '{self.SCRIPT}' sh \"$@\"", "sh",
                                      *as_the_unit(), stdin=binary, env={**os.environ, **harness.WITHOUT_LEAKS})
        self.assertEqual(result.returncode, 0, result.stderr)
        told = json.loads(result.stdout)
        self.validate(told)
        self.assertEqual(told["host"]["view"], "host")
        self.assertIn((marked, None), [(file["path"], file.get("container_id")) for file in told["files"]])
        self.assertEqual([container for container in told["containers"] if container["auditor"]], [])


@harness.needs_root
@harness.needs("systemd-sysusers", "systemd-tmpfiles")
class AccountTest(harness.Case):
    def test_user_and_directory(self):
        root = self.scratch()
        os.mkdir(f"{root}/etc")
        for command, file in (("systemd-sysusers", "sysusers.d/proctor.conf"),
                              ("systemd-tmpfiles", "tmpfiles.d/proctor.conf")):
            options = ["--create"] if command == "systemd-tmpfiles" else []
            result = self.run_command(command, *options, f"--root={root}", PLACE / file)
            self.assertEqual(result.returncode, 0, result.stderr)
        with open(f"{root}/etc/passwd", encoding="ascii") as file:
            user = [line.split(":") for line in file.read().splitlines() if line.startswith("proctor:")][0]
        self.assertEqual(user[5:], ["/var/lib/proctor", "/usr/sbin/nologin"])
        info = os.stat(f"{root}/var/lib/proctor")
        self.assertEqual((info.st_mode & 0o7777, info.st_uid, info.st_gid), (0o750, int(user[2]), int(user[3])))


if __name__ == "__main__":
    harness.main()
