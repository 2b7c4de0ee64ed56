"""A quick pass tells what a fresh one would, once it was told of the processes that changed."""

import os
import shutil
import subprocess
import sys
import time

import harness
from containers import Container, bind, needs_containers
from files import make
from passes import LEAST, Passes, records
from stand_in import StandIn, document
from test_overlay import RAW, OverlayCase, directory, program, tool


def zombies():
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and state(name) in ("Z", "X")]


def state(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0].decode()
    except OSError:  # it ended meanwhile
        return ""


class PassesCase(OverlayCase):
    def passes(self, **options):
        passes = Passes(self, "--records", **options)
        self.first = passes.look("first")
        return passes

    def check(self, passes, identities=(), pids=(), changed=()):
        """A quick pass, compared with a fresh one, or with another, where on a busy machine that one saw less. Of those
        of others that ended it is told as events would: a zombie's mount namespace may be another's by now."""
        quick = passes.look("quick", *changed, *zombies())
        told = records(quick, identities, pids)
        for _ in range(3):
            fresh = records(passes.look("fresh"), identities, pids)
            if fresh == told:
                break
        self.assertEqual(told, fresh)
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

    @staticmethod
    def mount_inside(container, point):
        """By a program of its own: the container's seccomp filter would not let it."""
        subprocess.run(["nsenter", "--mount", f"--target={container.pid}", container.executable, "mount", "-t",
                        "tmpfs", "tmpfs", point], check=True)


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
        self.wait_for(lambda: harness.status(new.pid)["Name"] == "cat")
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



@needs_containers
class IdentityTest(PassesCase):
    """Findings go by names: who a container is does not depend on whether a source answers just now."""

    @staticmethod
    def answers(names):
        """Of a dockerd that knows containers by these names."""
        containers = [{"Id": one, "Names": [f"/{name}"], "Image": f"shop/{name}:1", "ImageID": "sha256:1",
                       "Labels": {"team": "shop"}} for one, name in names.items()]
        return {"/containers/json": document(containers), "/images/json?digests=1": document([])}

    def docker(self, path, *named):
        """A stand-in for dockerd, which knows these containers."""
        return StandIn(self, self.answers({one.id: name for one, name in named}), path)

    def look_without_news(self, passes, server, **names):
        """A quick look that meets nobody new and nobody without a name, and how often it asked: others, whose
        containers come and go, get names until then."""
        answered = named = {}
        for _ in range(1000):
            asked, look = len(server.asked), passes.look("quick")
            told = {one["id"] for one in look["records"]["containers"]}
            if told <= set(named):
                return look, len(server.asked) - asked
            named, answered = answered, {one: names.get(one, "another") for one in told}
            server.server.answers.update(self.answers(answered))
        self.skipTest("somebody is new at each look")

    def names(self, look, *containers):
        told = {one["id"]: one for one in look["records"]["containers"]}
        return [(told[one.id].get("name"), told[one.id].get("image")) for one in containers]

    def test_names_stay(self):
        path, web = f"{self.scratch()}/docker.sock", self.start(name="web")
        server = self.docker(path, (web, "checkout"))
        passes = Passes(self, "--records", "--docker-socket", path)
        known = [("checkout", "shop/checkout:1")]
        self.assertEqual(self.names(passes.look("first"), web), known)
        quick, asked = self.look_without_news(passes, server, **{web.id: "checkout"})
        self.assertEqual((self.names(quick, web), asked), (known, 0))
        self.end(server, path)
        again = passes.look("again")
        self.assertEqual(self.names(again, web), known)
        self.assertIn("a source tells no more of a container: what was told before stands", again["reasons"])
        other = self.start(name="other")
        self.assertEqual(self.names(passes.look("quick"), web, other), [*known, (None, None)])
        self.docker(path, (web, "renamed"), (other, "basket"))
        self.assertEqual(self.names(passes.look("quick"), web, other),
                         [("renamed", "shop/renamed:1"), ("basket", "shop/basket:1")])

    @staticmethod
    def end(server, path):
        for undo in list(harness.Undo.pending):
            if undo.function == server.stop:
                undo()
        os.unlink(path)


@needs_containers
@harness.needs("setpriv")
class MemoryTest(PassesCase):
    """Without the right to read overlayfs's marks: what was found in a root stands until it can be another."""

    JUST_NOW = 3  # seconds: what changed in them is not remembered

    def remembered(self, *builders, **options):
        """A container whose root is remembered, and the passes that do."""
        container = self.start(*builders, **options)
        time.sleep(self.JUST_NOW)
        passes = Passes(self, "--records", wrap=LEAST)
        passes.look("first")
        return container, passes

    def mark(self, container):
        """A file made in a layer below, behind the overlay's back: a walk meets it, who remembers does not."""
        place = f"{container.layers[1]}/marked"
        return program(f"{place}/{len(os.listdir(place))}").removeprefix(container.layers[1])

    @staticmethod
    def without_marks(look, container):
        told = records(look, [container.id])
        told["files"] = [file for file in told["files"] if not file["path"].startswith("/marked/")]
        return told

    def look(self, passes, container, recalled=False):
        """The files and tools of the container, as another look without a memory tells them too."""
        mark = self.mark(container)
        again, fresh = passes.look("again"), passes.look("fresh")
        self.assertEqual(self.without_marks(again, container), self.without_marks(fresh, container))
        self.assertIn(mark, str(records(fresh, [container.id])))
        (self.assertNotIn if recalled else self.assertIn)(f"'{mark}'", str(records(again, [container.id])))
        told = self.without_marks(again, container)
        return ([file["path"] for file in told["files"]],
                [one["path"] for one in told["containers"][0].get("tools", [])])

    @staticmethod
    def image(layer):
        for name in ("one", "two", "deep/er/three"):
            program(f"{layer}/image/{name}")
        directory(f"{layer}/marked")
        tool(f"{layer}/image/bin/nc")

    FILES, TOOLS = ["/image/deep/er/three", "/image/one", "/image/two"], ["/image/bin/nc"]

    def test_nothing_changed(self):
        container, passes = self.remembered(self.image)
        self.assertEqual(self.look(passes, container, recalled=True), (self.FILES, self.TOOLS))

    def test_new_setuid_file(self):
        container, passes = self.remembered(self.image)
        program(f"{container.root}/image/four")
        self.assertEqual(self.look(passes, container)[0], ["/image/deep/er/three", "/image/four", *self.FILES[1:]])

    def test_bit_and_capability_of_a_file_that_was_there(self):
        container, passes = self.remembered(self.image, lambda layer: [
            make(f"{directory(layer + '/image')}/{name}", 0o755) for name in ("x", "y")])
        os.chmod(f"{container.root}/image/x", 0o2755)
        self.assertIn("/image/x", self.look(passes, container)[0])
        time.sleep(self.JUST_NOW)
        passes.look("again")
        self.assertIn("/image/x", self.look(passes, container, recalled=True)[0])
        os.setxattr(f"{container.root}/image/y", "security.capability", RAW)
        self.assertIn("/image/y", self.look(passes, container)[0])

    def test_whiteouts(self):
        container, passes = self.remembered(self.image)
        os.unlink(f"{container.root}/image/one")
        self.assertEqual(self.look(passes, container)[0], ["/image/deep/er/three", "/image/two"])
        shutil.rmtree(f"{container.root}/image/deep")
        self.assertEqual(self.look(passes, container)[0], ["/image/two"])
        os.unlink(f"{container.root}/image/bin/nc")
        self.assertEqual(self.look(passes, container)[1], [])

    def test_directory_made_anew(self):
        container, passes = self.remembered(self.image)
        os.chmod(f"{container.root}/image/deep/er", 0o700)
        self.look(passes, container)
        time.sleep(self.JUST_NOW)
        passes.look("again")
        self.look(passes, container, recalled=True)
        shutil.rmtree(f"{container.root}/image/deep/er")
        directory(f"{container.root}/image/deep/er", 0o700)
        self.assertEqual(self.look(passes, container)[0], ["/image/one", "/image/two"])

    def test_renamed_directories(self):
        container, passes = self.remembered(self.image, options=["redirect_dir=on"])
        os.rename(f"{container.root}/image/deep", f"{container.root}/moved")
        self.assertEqual(self.look(passes, container)[0], ["/image/one", "/image/two", "/moved/er/three"])

    def test_logs_do_not_count(self):
        container, passes = self.remembered(self.image)
        directory(f"{container.root}/log")
        for name in ("a", "b"):
            make(f"{container.root}/log/{name}")
        self.assertEqual(self.look(passes, container, recalled=True)[0], self.FILES)
        os.rename(f"{container.root}/log/a", f"{container.root}/log/c")
        self.assertEqual(self.look(passes, container, recalled=True)[0], self.FILES)

    def test_volumes_are_walked(self):
        volume = self.scratch()
        container, passes = self.remembered(
            self.image, changes=[lambda config: config["mounts"].append(bind(volume, "/data"))])
        program(f"{volume}/new")
        self.assertEqual(self.look(passes, container, recalled=True)[0], ["/data/new", *self.FILES])
        os.unlink(f"{volume}/new")
        self.assertEqual(self.look(passes, container, recalled=True)[0], self.FILES)

    def test_mounted_over(self):
        """What is hidden by a mount is not remembered as what is shown."""
        container, passes = self.remembered(self.image)
        self.mount_inside(container, "/image/deep")
        self.assertEqual(self.look(passes, container)[0], ["/image/one", "/image/two"])

    def test_without_an_upper_layer(self):
        container, passes = self.remembered(self.image, writable=False)
        self.assertEqual(self.look(passes, container, recalled=True), (self.FILES, self.TOOLS))

    def test_shared_by_an_image(self):
        container, passes = self.remembered(self.image)
        layers = ":".join(container.layers[::-1])
        place = self.scratch()

        def prepare(root):
            shutil.rmtree(root)
            os.mkdir(root)
            self.mount(root, [f"lowerdir={layers}", f"upperdir={directory(place + '/upper')}",
                              f"workdir={directory(place + '/work')}"])

        other, mark = Container(self, "overlay", prepare=prepare), self.mark(container)
        quick, fresh = passes.look("quick"), passes.look("fresh")
        self.assertEqual(self.without_marks(quick, other), self.without_marks(fresh, other))
        self.assertEqual([file["path"] for file in records(quick, [other.id])["files"]], self.FILES)
        self.assertIn(mark, str(records(fresh, [other.id])))


if __name__ == "__main__":
    harness.main(alone=True)
