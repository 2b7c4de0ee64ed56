"""The protocol of sd_notify(3), against a socket like systemd's and beside systemd's own sender."""

import os
import socket
import struct

import harness
from harness import Case
from parts import PART


class Notify(Case):
    def receiver(self, name=None):
        """A socket as systemd has it for its services: each datagram comes with its sender's pid."""
        self.name = name or f"{self.scratch()}/notify"
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.undo(receiver.close)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        receiver.bind(self.name.replace("@", "\0"))
        return receiver

    def run_with(self, *command, **variables):
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith(("NOTIFY_", "WATCHDOG_"))}
        done = self.run_command(*command, env={**environment, **variables})
        return done

    def notify(self, *texts, **variables):
        return self.run_with(PART, "notify", *texts, NOTIFY_SOCKET=self.name, **variables)

    def test_what_systemd_notify_sends(self):
        receiver = self.receiver()
        sent = []
        self.assertEqual(self.notify("READY=1\nSTATUS=watching").returncode, 0)
        text, ancillary, _, _ = receiver.recvmsg(4096, 1024)
        sent.append(text)
        self.assertEqual(ancillary[0][1], socket.SCM_CREDENTIALS)
        self.assertNotEqual(struct.unpack("3i", ancillary[0][2])[0], 0)
        if harness.find_command("systemd-notify"):
            done = self.run_with("systemd-notify", "--no-block", "--ready", "--status=watching", NOTIFY_SOCKET=self.name)
            self.assertEqual(done.returncode, 0, done.stderr)
            theirs = receiver.recv(4096)
            self.assertEqual(sorted(theirs.rstrip(b"\n").split(b"\n")), sorted(sent[0].split(b"\n")))

    def test_an_abstract_socket(self):
        receiver = self.receiver(f"@proctor-test-{os.getpid()}")
        self.assertEqual(self.notify("READY=1", "STOPPING=1").returncode, 0)
        self.assertEqual([receiver.recv(4096), receiver.recv(4096)], [b"READY=1", b"STOPPING=1"])

    def test_nobody_reads(self):
        """A queue that is full holds nobody up."""
        self.receiver()
        self.assertEqual(self.notify(*["WATCHDOG=1"] * 5000).returncode, 0)

    def test_nobody_wants_to_know(self):
        for variables in {}, {"NOTIFY_SOCKET": ""}:
            done = self.run_with(PART, "notify", "READY=1", **variables)
            self.assertEqual((done.returncode, done.stdout), (0, b"watchdog 0\n"))

    def test_sockets_that_are_none(self):
        directory = self.scratch()
        for name in "x", "/", "@", "vsock:2:1", "/" + "x" * 107, "@" + "x" * 107, f"{directory}/none":
            done = self.run_with(PART, "notify", NOTIFY_SOCKET=name)
            self.assertEqual(done.returncode, 1, name)
            self.assertIn(b"NOTIFY_SOCKET", done.stderr)

    def test_the_longest_names(self):
        receiver = self.receiver("@" + "x" * 106)
        self.assertEqual(self.notify("READY=1").returncode, 0)
        self.assertEqual(receiver.recv(4096), b"READY=1")

    def test_watchdog(self):
        for variables, told in (
                ({"WATCHDOG_USEC": "30000000"}, b"watchdog 30000000\n"),
                ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, b"watchdog 0\n"),
                ({"WATCHDOG_PID": "1"}, b"watchdog 0\n")):
            self.assertEqual(self.run_with(PART, "notify", **variables).stdout, told)
        for value in "0", "-1", "1s", " 1", "99999999999999999999999":
            done = self.run_with(PART, "notify", WATCHDOG_USEC=value)
            self.assertEqual(done.returncode, 1, value)
            self.assertIn(b"WATCHDOG_USEC", done.stderr)
        done = self.run_with("sh", "-c", f'WATCHDOG_PID=$$ exec {PART} notify', WATCHDOG_USEC="5")
        self.assertEqual(done.stdout, b"watchdog 5\n")


if __name__ == "__main__":
    harness.main()
