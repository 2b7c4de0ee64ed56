"""A real dockerd for the live tests, on a directory and a socket of its own."""

import grp
import os
import pwd
import subprocess
import time
import unittest

import harness

COMMANDS = ("dockerd", "docker", "runc", "containerd", "busybox")


class Dockerd:
    """Runs until its keeper is done; a test is skipped where it does not start. `place` is its directory,
    `socket` its API's."""

    def __init__(self, keeper):
        self.keeper = keeper
        self.place = keeper.scratch()
        self.socket = f"{self.place}/docker.sock"
        log = open(f"{self.place}/log", "wb")
        keeper.undo(log.close)
        environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
        daemon = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                  env=environment)
        keeper.undo(harness.end_daemon, daemon)
        self.wait(daemon)

    def command(self):
        return [harness.find_command("dockerd"), "--iptables=false", "--ip6tables=false", "--bridge=none",
                "--data-root", f"{self.place}/data", "--exec-root", f"{self.place}/exec", "--pidfile",
                f"{self.place}/pid", "-H", f"unix://{self.socket}"]

    def wait(self, daemon):
        for _ in range(600):
            if daemon.poll() is not None:
                break
            if os.path.exists(self.socket) and self.docker("version").returncode == 0:
                return
            time.sleep(0.1)
        with open(f"{self.place}/log", encoding="utf-8", errors="replace") as text:
            last = text.read()[-300:].replace("\n", " ")
        raise unittest.SkipTest(f"dockerd does not start here: {last}")

    def docker(self, *arguments, stdin=subprocess.DEVNULL):
        command = [harness.find_command("docker"), "-H", f"unix://{self.socket}", *arguments]
        return subprocess.run(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=harness.TIMEOUT, env={**os.environ, "HOME": self.place}, check=False)

    def build(self, image, root, *changes):
        """An image of that directory, with lines of a Dockerfile such as `USER 1000`."""
        options = [word for change in changes for word in ("--change", change)]
        command = ["tar", "--xattrs", "--xattrs-include=security.capability", "-C", root, "-c", "."]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as archive:
            result = self.docker("import", *options, "-", image, stdin=archive.stdout)
        if result.returncode:
            raise unittest.SkipTest(f"docker import: {result.stderr.decode().strip()}")

    def run(self, *arguments):
        """Starts a container, which is removed when the keeper is done. Returns its id."""
        result = self.docker("run", "--detach", *arguments)
        if result.returncode:
            raise unittest.SkipTest(f"docker run {arguments}: {result.stderr.decode().strip()}")
        identity = result.stdout.decode().strip()
        self.keeper.undo(self.docker, "rm", "--force", identity)
        return identity


REMAPPED = 100000  # what uid and gid 0 of a remapped container are outside


class RemappedDockerd(Dockerd):
    """One with --userns-remap. The ranges of ids stand in /etc in this daemon's mount namespace only; what it
    mounts beneath its own directory the host sees as ever."""

    SCRIPT = """set -e
        mount --make-private "$(findmnt --noheadings --raw --output TARGET --target /etc)"
        mount --bind "$0" /etc/subuid
        mount --bind "$0" /etc/subgid
        exec "$@" """

    def command(self):
        user, group = pwd.getpwuid(harness.NOBODY), grp.getgrgid(pwd.getpwuid(harness.NOBODY).pw_gid)
        ranges = f"{self.place}/ranges"
        with open(ranges, "w", encoding="ascii") as file:
            file.writelines(f"{name}:{REMAPPED}:65536\n" for name in {user.pw_name, group.gr_name})
        for path in ("/etc/subuid", "/etc/subgid"):
            if not os.path.exists(path):
                raise unittest.SkipTest(f"there is no {path}")
        for words in (("--bind", self.place, self.place), ("--make-shared", self.place)):
            subprocess.run(["mount", *words], check=True)
        return ["unshare", "--mount", "--propagation", "unchanged", "sh", "-c", self.SCRIPT, ranges,
                *super().command(), f"--userns-remap={user.pw_name}:{group.gr_name}"]
