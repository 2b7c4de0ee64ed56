"""A quick pass tells what a fresh one would, once it was told of the processes that changed."""

import os
import shutil
import subprocess
import sys
import time

import harness
from containers import Container, bind, needs_containers
from files import make
from passes import Passes, records
from test_overlay import OverlayCase, directory, program, tool, whiteout


class PassesCase(OverlayCase):
    def passes(self, **options):
        passes = Passes(self, "--records", **options)
        self.first = passes.look("first")
        return passes

    def check(self, passes, identities=(), pids=(), changed=()):
        """A quick pass, compared with a fresh one; the number of processes that it read."""
        quick, fresh = passes.look("quick", *changed), passes.look("fresh")
        self.assertEqual(records(quick, identities, pids), records(fresh, identities, pids))
        return quick

    def shell(self, container):
        """A shell in the container that does as it is told; its pid and where to tell it."""
        pid_file = f"{container.bundle}/shell-pid"
        inside, outside = os.pipe()
        with os.fdopen(inside, "rb") as stdin:
            subprocess.run([*container.command, "exec", "--detach", "--pid-file", pid_file, container.id,
                            container.executable, "sh"], stdin=stdin, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=harness.TIMEOUT, check=True)
        pipe = os.fdopen(outside, "w")
        self.undo(pipe.close)
        with open(pid_file, encoding="ascii") as file:
            return int(file.read()), pipe


@needs_containers
class QuickPassTest(PassesCase):
    def test_nothing_changed(self):
        container = self.start(lambda layer: [program(f"{layer}/image/file"), tool(f"{layer}/image/bin/nc")])
        passes = self.passes()
        quick = self.check(passes, [container.id])
        told = records(quick, [container.id])
        self.assertEqual([file["path"] for file in told["files"]], ["/image/file"])
        self.assertEqual([one["path"] for one in told["containers"][0]["tools"]], ["/image/bin/nc"])
        self.assertEqual(records(quick, [container.id]), records(self.first, [container.id]))
        self.assertLess(quick["read"], self.first["read"])

    def test_exec_in_a_container(self):
        container = self.start()
        pid, pipe = self.shell(container)
        passes = self.passes()
        pipe.write(f"exec {container.executable} cat - /other\n")
        pipe.flush()
        self.wait_for(lambda: b"other" in self.command_line(pid))
        quick = self.check(passes, [container.id], [pid], changed=[pid])
        self.assertIn("other", str(records(quick, [container.id])["processes"]))

    @staticmethod
    def command_line(pid):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()

    def test_other_ids(self):
        code = "import os, sys; print('ready', flush=True); sys.stdin.readline(); os.setgroups([7]); " \
               "os.setgid(8); os.setuid(9); print('done', flush=True); sys.stdin.read()"
        process = self.spawn(sys.executable, "-c", code)
        passes = self.passes()
        process.stdin.write(b"\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), b"done\n")
        unaware = passes.look("quick")
        self.assertEqual(records(unaware, pids=[process.pid]), records(self.first, pids=[process.pid]))
        quick = self.check(passes, pids=[process.pid], changed=[process.pid])
        self.assertEqual(records(quick, pids=[process.pid])["processes"][0]["uids"]["effective"], 9)

    def test_orphan(self):
        """No event tells of another parent."""
        code = "import os, sys\nif os.fork() == 0: print('ready', os.getpid(), flush=True)\nsys.stdin.read()"
        process = self.spawn(sys.executable, "-c", code, ready=False)
        child = int(process.stdout.readline().split()[1])
        passes = self.passes()
        process.kill()
        process.wait()
        quick = self.check(passes, pids=[child])
        self.assertNotEqual(records(quick, pids=[child])["processes"][0]["ppid"], process.pid)

    def test_pid_used_again(self):
        """Without any event: what /proc lists is another process."""
        code = "import os, sys\nprint('ready', flush=True)\nsys.stdin.read()"
        old = self.spawn(sys.executable, "-c", code)
        passes = self.passes()
        harness.stop(old)
        new = self.again(old.pid)
        if new.pid != old.pid:
            self.skipTest("the pid cannot be had again")
        quick = self.check(passes, pids=[new.pid])
        self.assertEqual(records(quick, pids=[new.pid])["processes"][0]["comm"], "cat")

    def again(self, pid):
        """Another process of the same pid; others may come between."""
        for _ in range(200):
            with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as file:
                file.write(str(pid - 1))
            process = self.spawn("cat", ready=False)
            if process.pid == pid:
                break
            harness.stop(process)
        return process

    def test_container_comes_and_goes(self):
        stays = self.start(lambda layer: program(f"{layer}/image/file"), name="stays")
        passes = self.passes()
        comes = self.start(lambda layer: program(f"{layer}/image/other"), name="comes")
        quick = self.check(passes, [stays.id, comes.id])
        self.assertEqual(sorted(file["path"] for file in records(quick, [stays.id, comes.id])["files"]),
                         ["/image/file", "/image/other"])
        stays.stop()
        quick = self.check(passes, [stays.id, comes.id], changed=[stays.pid])
        self.assertEqual([one["id"] for one in records(quick, [stays.id, comes.id])["containers"]], [comes.id])

    def test_container_restarted(self):
        """The same id, another process: all of it is read."""
        container = self.start(lambda layer: program(f"{layer}/image/file"))
        passes, ended = self.passes(), container.pid
        container.stop()
        program(f"{container.root}/image/other")
        container.start()
        quick = self.check(passes, [container.id], changed=[ended])
        self.assertEqual(sorted(file["path"] for file in records(quick, [container.id])["files"]),
                         ["/image/file", "/image/other"])

    def test_mount_in_a_container(self):
        container = self.start()
        passes = self.passes()
        directory(f"/proc/{container.pid}/root/mounted")
        self.mount_inside(container, "/mounted")
        program(f"/proc/{container.pid}/root/mounted/file")
        quick = self.check(passes, [container.id])
        self.assertEqual([file["path"] for file in records(quick, [container.id])["files"]], ["/mounted/file"])

    @staticmethod
    def mount_inside(container, point):
        """By a program of its own: the container's seccomp filter would not let it."""
        subprocess.run(["nsenter", "--mount", f"--target={container.pid}", container.executable, "mount", "-t",
                        "tmpfs", "tmpfs", point], check=True)


if __name__ == "__main__":
    harness.main()
