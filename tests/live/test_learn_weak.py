"""proctor learn where BPF is not to be had: what /proc tells, and that no more is claimed."""

import json
import os
import signal
import subprocess

import harness
from containers import Container, needs_containers
from harness import Case
from test_learn import hide

WITHOUT = ["setpriv", "--bounding-set", "-bpf,-perfmon,-sys_admin"]


@needs_containers
class Weak(Case):
    def learn(self, container, *arguments, before=WITHOUT):
        """What it says of the container, and on stderr."""
        result = self.proctor("learn", "--duration", "1s", "--container", container.id, *arguments, wrap=before)
        errors = result.stderr.decode()
        self.assertEqual(errors.count("\n"), 1, errors)
        return result.stdout.decode(), errors

    def told(self, container, **options):
        document = json.loads(self.learn(container, "--format", "json", **options)[0])
        self.validate(document)
        self.assertEqual(len(document["containers"]), 1)
        return document["containers"][0]

    def busy(self, name, script):
        """A container, a process of which has been through the script and waits now."""
        container = Container(self, name)
        os.symlink("busybox", f"{container.root}/bin/chown")
        container.execute(argv=["/bin/busybox", "sh", "-c", f"exec 3<&0; (PATH=/bin; {script} echo done >/tmp/done; read line <&3) & wait"])
        self.wait_for(lambda: os.path.exists(f"{container.root}/tmp/done"))
        return container

    def test_nothing_is_claimed(self):
        told = self.told(self.busy("claimed", ""))
        self.assertEqual((told["evidence"], told["used"], told["recommended"], told["complete"]),
                         ("superpriv", [], [], False))
        self.assertEqual(told["held"], told["granted"])
        self.assertEqual(set(told["granted"]), set(harness.names(harness.DOCKER_DEFAULT)))

    def test_only_what_its_runtime_put_in(self):
        """Their flag is the runtime's."""
        self.assertEqual(self.told(Container(self, "first"))["privilege_used"], "unknown")

    def test_no_privilege_used(self):
        container = self.busy("unused", "")
        self.assertEqual(self.told(container)["privilege_used"], "no")
        text, errors = self.learn(container)
        self.assertIn("no privilege was used", text)
        self.assertNotIn("drop", text)
        self.assertIn("CAP_BPF, CAP_PERFMON", errors)

    def test_a_privilege_used(self):
        """By the shell itself: it opens a file that only CAP_DAC_OVERRIDE opens."""
        container = self.busy("used", "echo >/tmp/f; chmod 0 /tmp/f; chown 33 /tmp/f; read line </tmp/f;")
        self.assertEqual(self.told(container)["privilege_used"], "yes")
        self.assertIn("it is not known which", self.learn(container)[0])

    def test_without_the_library(self):
        told = subprocess.run(["ldconfig", "-p"], stdout=subprocess.PIPE, check=True).stdout.decode()
        paths = [line.split()[-1] for line in told.splitlines() if "libbpf.so.1 " in line]
        if not paths:
            self.skipTest("libbpf is not installed")
        container = Container(self, "library")
        self.assertEqual(self.told(container, before=hide(os.path.realpath(paths[0]), "touch"))["evidence"], "superpriv")

    def test_a_signal_ends_it(self):
        process = subprocess.Popen([*WITHOUT, harness.PROCTOR, "learn", "--duration", "10m", "--format", "json"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.undo(harness.stop, process)
        self.assertIn(b"Meanwhile", process.stderr.readline())
        self.wait_for(lambda: int(harness.status(process.pid)["SigBlk"], 16) >> signal.SIGINT - 1 & 1)
        process.send_signal(signal.SIGINT)
        self.assertIn("containers", json.loads(process.communicate(timeout=harness.TIMEOUT)[0]))


if __name__ == "__main__":
    harness.main()
