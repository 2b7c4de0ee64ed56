"""Overlays walked by their layers: what is found is what a walk of the merged mount finds."""

import os
import random
import shutil
import stat
import subprocess
import time

import harness
from containers import Container, bind, needs_containers
from files import FilesCase, attribute, make

WITHOUT_MARKS = ("setpriv", "--bounding-set", "-sys_admin")  # such a one walks the merged mount
MERGED = "overlay walked as it is merged"
RAW = attribute(harness.mask("CAP_NET_RAW"), 0, True)


def directory(path, mode=0o755):
    os.makedirs(path, exist_ok=True)
    os.chmod(path, mode)
    return path


def program(path, mode=0o4755):
    """A file that is found, in directories that are made where there are none."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return make(path, mode)


def tool(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.copy(harness.find_command("busybox"), path)
    os.chmod(path, 0o755)


def whiteout(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(0, 0))


def comparable(document):
    """What does not depend on the way a file was found; an inode number is another one once its file was copied
    up."""
    files = {file["path"]: {key: value for key, value in file.items()
                            if key not in ("origin", "layer", "inode", "device")}
             for file in document["files"]}
    tools = [{key: value for key, value in tool.items() if key != "layer"}
             for container in document["containers"] for tool in container.get("tools", [])]
    return files, tools


class OverlayCase(FilesCase):
    """Containers whose root is an overlay: that of containers.make_root is its lowest layer."""

    def start(self, *builders, name="overlay", options=(), changes=(), lower=None, writable=True, above=None):
        """Starts a container. Each builder makes one layer, the lowest first; `above` works in the merged mount
        before the container is started."""
        place = self.scratch()
        layers = []

        def prepare(root):
            base = f"{place}/base"
            os.rename(root, base)
            os.mkdir(root)
            layers.append(base)
            for number, build in enumerate(builders):
                layers.append(directory(f"{place}/{number}"))
                build(layers[-1])
            words = [f"lowerdir={(lower or ':'.join)(layers[::-1])}"]
            if writable:
                words += [f"upperdir={directory(place + '/upper')}", f"workdir={directory(place + '/work')}"]
            self.mount(root, [*words, *options])
            if above:
                above(root)

        container = Container(self, name, *changes, prepare=prepare)
        container.layers, container.upper = layers, f"{place}/upper"
        return container

    def mount(self, point, words):
        result = self.run_command("mount", "-t", "overlay", "-o", ",".join(words), "overlay", point)
        if result.returncode:
            self.skipTest(f"no such overlay here: {result.stderr.decode().strip()}")
        return self.undo(self.unmount, point)

    @staticmethod
    def unmount(point):
        if os.path.ismount(point):
            subprocess.run(["umount", "--lazy", point], check=False)

    def by_layers(self, container, *arguments):
        document = self.document("files", "--container", container.id, *arguments)
        coverage = next(entry for entry in document["coverage"] if entry["collector"] == "filesystem")
        self.assertEqual([reason for reason in coverage["reasons"] if MERGED in reason["reason"]], [])
        return document

    def merged(self, container, *arguments):
        document = self.document("files", "--container", container.id, *arguments, wrap=WITHOUT_MARKS)
        coverage = next(entry for entry in document["coverage"] if entry["collector"] == "filesystem")
        self.assertReason(coverage, MERGED)
        return document

    def check(self, container, *arguments):
        """Compares the two ways and returns what was found by layers."""
        document, merged = self.by_layers(container, *arguments), self.merged(container, *arguments)
        files, tools = comparable(document)
        merged_files, merged_tools = comparable(merged)
        self.assertEqual(files, merged_files)
        self.assertEqual(tools, merged_tools)
        return {file["path"]: file for file in document["files"]}

    def origins(self, found):
        return {path: file.get("origin") for path, file in found.items()}

    def written(self, container):
        document = self.document("audit", "--container", container.id)
        return next(one for one in document["containers"] if one["id"] == container.id).get("written")


@needs_containers
@harness.needs("setpriv")
class MergeTest(OverlayCase):
    def test_upper_and_lower(self):
        def above(root):
            program(f"{root}/opt/new")
            os.chmod(f"{root}/usr/copied", 0o2755)

        container = self.start(lambda layer: [program(f"{layer}/usr/{name}") for name in ("kept", "copied")],
                               above=above)
        found = self.check(container)
        self.assertEqual(self.origins(found), {"/opt/new": "run-time", "/usr/copied": "run-time",
                                               "/usr/kept": "image"})
        self.assertEqual(found["/usr/kept"]["layer"], container.layers[1])
        self.assertEqual(found["/opt/new"]["layer"], container.upper)

    def test_whiteouts_and_opaque_directories(self):
        def lower(layer):
            for name in ("removed", "kept", "gone/deep/file", "opaque/old", "again/file"):
                program(f"{layer}/usr/{name}")

        def middle(layer):
            whiteout(f"{layer}/usr/gone")
            directory(f"{layer}/usr/opaque")
            os.setxattr(f"{layer}/usr/opaque", "trusted.overlay.opaque", b"y")
            program(f"{layer}/usr/opaque/new")

        def above(root):
            os.unlink(f"{root}/usr/removed")
            shutil.rmtree(f"{root}/usr/again")
            program(f"{root}/usr/again/other")

        container = self.start(lower, middle, above=above)
        self.assertEqual(sorted(self.check(container)), ["/usr/again/other", "/usr/kept", "/usr/opaque/new"])

    def test_marks_that_are_none(self):
        """`opaque` has to be y; a device of another number is a device."""
        def lower(layer):
            program(f"{layer}/usr/a/file")
            program(f"{layer}/usr/device")

        def middle(layer):
            directory(f"{layer}/usr/a")
            os.setxattr(f"{layer}/usr/a", "trusted.overlay.opaque", b"n")
            os.mknod(f"{layer}/usr/device", stat.S_IFCHR | 0o4666, os.makedev(1, 3))

        self.assertEqual(sorted(self.check(self.start(lower, middle))), ["/usr/a/file"])

    def test_whiteouts_by_attribute(self):
        def lower(layer):
            program(f"{layer}/usr/hidden")
            program(f"{layer}/usr/shown")

        def middle(layer):
            for name in ("hidden", "own"):
                program(f"{layer}/usr/{name}")
                os.setxattr(f"{layer}/usr/{name}", "trusted.overlay.whiteout", b"y")
            os.setxattr(f"{layer}/usr", "trusted.overlay.opaque", b"x")

        self.assertEqual(sorted(self.check(self.start(lower, middle))), ["/usr/shown"])

    def test_file_over_directory_and_the_other_way(self):
        def lower(layer):
            program(f"{layer}/usr/was-directory/file")
            program(f"{layer}/usr/was-file")
            program(f"{layer}/usr/link/file")

        def middle(layer):
            program(f"{layer}/usr/was-directory")
            program(f"{layer}/usr/was-file/inside")
            os.symlink("/etc", f"{layer}/usr/link")

        self.assertEqual(sorted(self.check(self.start(lower, middle))),
                         ["/usr/was-directory", "/usr/was-file/inside"])

    def test_hard_links(self):
        def lower(layer):
            program(f"{layer}/usr/one")
            os.link(f"{layer}/usr/one", f"{layer}/usr/two")

        container = self.start(lower, above=lambda root: os.chmod(f"{root}/usr/two", 0o4711))
        found = self.check(container)
        self.assertEqual({path: file["links"] for path, file in found.items()}, {"/usr/one": 2, "/usr/two": 1})

    def test_modes_of_directories(self):
        """A directory is as the uppermost layer has it: that decides who gets to a file, and who replaces it."""
        def lower(layer):
            for name in ("closed", "opened", "writable", "sticky"):
                program(f"{layer}/usr/{name}/deep/file")
            os.chmod(f"{layer}/usr/opened", 0o700)

        def above(root):
            os.chmod(f"{root}/usr/closed", 0o700)
            os.chmod(f"{root}/usr/opened", 0o755)
            os.chmod(f"{root}/usr/writable/deep", 0o777)
            os.chmod(f"{root}/usr/sticky/deep", 0o1777)

        found = self.check(self.start(lower, above=above))
        self.assertEqual({path.split("/")[2]: (file["reachable"], file["writable_directory"])
                          for path, file in found.items()},
                         {"closed": (False, False), "opened": (True, False), "writable": (True, True),
                          "sticky": (True, False)})

    def test_redirects(self):
        def lower(layer):
            program(f"{layer}/usr/moved/inner/deep/file")
            program(f"{layer}/usr/moved/file")

        def middle(layer):
            program(f"{layer}/usr/moved/inner/added")

        def above(root):
            os.rename(f"{root}/usr/moved/inner", f"{root}/usr/moved/renamed")
            os.rename(f"{root}/usr/moved", f"{root}/opt")
            program(f"{root}/usr/moved/inner/new")
            os.rename(f"{root}/opt/renamed/deep", f"{root}/opt/renamed/deeper")

        container = self.start(lower, middle, above=above, options=["redirect_dir=on"])
        self.assertEqual(sorted(self.check(container)),
                         ["/opt/file", "/opt/renamed/added", "/opt/renamed/deeper/file", "/usr/moved/inner/new"])

    def test_redirect_in_a_layer_below(self):
        """What was once an upper layer may be one below later."""
        def lower(layer):
            program(f"{layer}/old/file")

        def middle(layer):
            whiteout(f"{layer}/old")
            directory(f"{layer}/new")
            os.setxattr(f"{layer}/new", "trusted.overlay.redirect", b"/old")

        def upper(layer):
            program(f"{layer}/new/more")

        container = self.start(lower, middle, upper, above=lambda root: os.rename(f"{root}/new", f"{root}/last"),
                               options=["redirect_dir=on"])
        self.assertEqual(sorted(self.check(container)), ["/last/file", "/last/more"])

    def test_redirects_not_followed(self):
        def middle(layer):
            directory(f"{layer}/new")
            os.setxattr(f"{layer}/new", "trusted.overlay.redirect", b"/old")

        container = self.start(lambda layer: program(f"{layer}/old/file"), middle,
                               options=["redirect_dir=nofollow"])
        found, coverage = self.files("--container", container.id)
        self.assertEqual(sorted(found), ["/old/file"])
        self.assertReason(coverage, "marks that it is not to follow")

    def test_metacopy(self):
        def lower(layer):
            tool(f"{layer}/usr/bin/nc")
            os.setxattr(program(f"{layer}/usr/capable", 0o755), "security.capability", RAW)
            program(f"{layer}/usr/file")

        def above(root):
            os.chown(f"{root}/usr/bin/nc", 7, 7)
            os.chmod(f"{root}/usr/file", 0o2711)
            os.chmod(f"{root}/usr/capable", 0o700)

        container = self.start(lower, above=above, options=["metacopy=on", "redirect_dir=on"])
        os.getxattr(f"{container.upper}/usr/file", "trusted.overlay.metacopy")
        found = self.check(container)
        self.assertEqual({path: file["mode"] for path, file in found.items()},
                         {"/usr/capable": "0700", "/usr/file": "2711"})
        tools = self.by_layers(container)["containers"][0]["tools"]
        self.assertIn("/usr/bin/nc", [tool["path"] for tool in tools])

    def test_volume_and_excluded(self):
        volume = self.scratch()
        program(f"{volume}/of-volume")
        container = self.start(
            lambda layer: [program(f"{layer}/{name}/file") for name in ("data", "left/out", "usr")],
            changes=[lambda config: config["mounts"].append(bind(volume, "/data"))])
        self.assertEqual(self.origins(self.check(container)),
                         {"/data/of-volume": "mount", "/left/out/file": "image", "/usr/file": "image"})
        found = self.check(container, "--exclude", "/left*")
        self.assertEqual(sorted(found), ["/data/of-volume", "/usr/file"])

    def test_names(self):
        """Colons, commas, backslashes and spaces in the names of layers."""
        names = ["a:b", "c\\d", "e f", "g,h"]

        def lower(layers):
            place = os.path.dirname(layers[0])
            for name in names[:3]:
                program(f"{place}/{name}/usr/{names.index(name)}")
            quoted = [f"{place}/{name}".replace("\\", "\\\\").replace(":", "\\:") for name in names[:3]]
            return ":".join([*quoted, *layers])

        found = self.check(self.start(lower=lower))
        self.assertEqual(sorted(found), ["/usr/0", "/usr/1", "/usr/2"])

    def test_hundred_layers(self):
        """As docker mounts them: by names relative to a directory."""
        def build(number):
            def layer(path):
                program(f"{path}/usr/{number}/file")
                program(f"{path}/usr/common", 0o4700 + number % 8)
                if number % 3 == 0 and number:
                    whiteout(f"{path}/usr/{number - 1}")
            return layer

        def relative(layers):
            os.chdir(os.path.dirname(layers[0]))
            self.addCleanup(os.chdir, "/")
            return ":".join(os.path.basename(layer) for layer in layers)

        container = self.start(*map(build, range(100)), lower=relative)
        found = self.check(container)
        self.assertEqual(len(found), 1 + 100 - 33)
        self.assertEqual(found["/usr/common"]["mode"], oct(0o4700 + 99 % 8)[2:])
        self.assertEqual(found["/usr/common"]["layer"], container.layers[100])

    def test_without_an_upper_layer(self):
        container = self.start(lambda layer: program(f"{layer}/usr/file"), lambda layer: None, writable=False)
        self.assertEqual(self.origins(self.check(container)), {"/usr/file": "image"})

    def test_layers_on_several_file_systems(self):
        place = self.scratch()
        result = self.run_command("mount", "-t", "tmpfs", "tmpfs", place)
        self.assertEqual(result.returncode, 0)
        self.undo(self.unmount, place)
        program(f"{place}/usr/other")
        container = self.start(lambda layer: program(f"{layer}/usr/file"),
                               lower=lambda layers: ":".join([place, *layers]),
                               above=lambda root: os.chmod(f"{root}/usr/other", 0o4711))
        self.assertEqual(self.origins(self.check(container)), {"/usr/file": "image", "/usr/other": "run-time"})

    def test_two_share_their_layers(self):
        shared = self.scratch()
        for number in range(50):
            program(f"{shared}/usr/{number}/file")
        containers = [self.start(name=f"share-{number}", lower=lambda layers: ":".join([shared, *layers]),
                                 above=lambda root, number=number: os.unlink(f"{root}/usr/{number}/file"))
                      for number in range(2)]
        document = self.document("files")
        for number, container in enumerate(containers):
            found = {file["path"] for file in document["files"] if file.get("container_id") == container.id}
            self.assertEqual(found, {f"/usr/{other}/file" for other in range(50) if other != number})


    def test_seen_by_another(self):
        """A container's root is its own, also when another one, before or after it, sees it among the host's."""
        container = self.start(lambda layer: program(f"{layer}/usr/file"))
        order = set()
        while len(order) < 2:
            host = Container(self, f"host-{len(order)}", lambda config: config["mounts"].append(bind("/", "/mnt")))
            self.assertTrue(os.path.exists(f"/proc/{host.pid}/root/mnt{container.root}/usr/file"))
            order.add(host.id < container.id)
        document = self.document("files")
        found = [file for file in document["files"] if file["path"].endswith(f"{container.root}/usr/file")
                 or file.get("container_id") == container.id]
        self.assertEqual([(file["path"], file["container_id"]) for file in found], [("/usr/file", container.id)])


@needs_containers
@harness.needs("setpriv")
class FallbackTest(OverlayCase):
    """What cannot be merged is walked as it is mounted, and told."""

    def assertMerged(self, container, why, expected):
        found, coverage = self.files("--container", container.id)
        self.assertReason(coverage, f"{MERGED}, not by its layers: {why}")
        self.assertEqual(sorted(found), expected)

    def test_index(self):
        container = self.start(lambda layer: program(f"{layer}/usr/file"), options=["index=on"])
        self.assertMerged(container, "it has an index of hard links", ["/usr/file"])

    def test_layer_that_is_gone(self):
        container = self.start(lambda layer: program(f"{layer}/usr/file"))
        os.rename(container.layers[1], container.layers[1] + ".old")
        self.assertMerged(container, "a layer of it is not found", ["/usr/file"])

    def test_layer_that_is_another_now(self):
        """It is not believed that what lies there now is what is mounted."""
        container = self.start(lambda layer: program(f"{layer}/usr/file"))
        for place in (container.upper, container.layers[1]):
            os.rename(place, place + ".old")
            program(f"{place}/usr/other")
            self.assertMerged(container, "its layers are not those that lie there now", ["/usr/file"])
            shutil.rmtree(place)
            os.rename(place + ".old", place)

    def test_mounted_over_a_layer(self):
        container = self.start(lambda layer: program(f"{layer}/usr/file"))
        self.run_command("mount", "-t", "tmpfs", "tmpfs", f"{container.layers[1]}/usr")
        self.undo(self.unmount, f"{container.layers[1]}/usr")
        self.assertMerged(container, "something is mounted over a part of a layer", ["/usr/file"])

    def test_not_among_the_mounts_of_the_host(self):
        container = self.start(lambda layer: program(f"{layer}/usr/file"))
        self.unmount(container.root)
        self.assertMerged(container, "it is not among the host's mounts", ["/usr/file"])


@needs_containers
class CacheTest(OverlayCase):
    """--layer-cache: what is remembered of a layer is believed as long as the layer has not changed."""

    def setUp(self):
        def lower(layer):
            for number in range(20):
                program(f"{layer}/usr/{number % 4}/{number}", 0o644 if number % 2 else 0o4755)
            tool(f"{layer}/usr/bin/nc")
            whiteout(f"{layer}/etc/group")

        self.container = self.start(lower, lambda layer: program(f"{layer}/opt/file"))
        self.layer = self.container.layers[1]
        for layer in self.container.layers:
            os.chmod(os.path.dirname(layer), 0o700)  # as runtimes have it
        self.cache = f"{self.scratch()}/cache"
        self.become_old()

    def become_old(self):
        """What changed less than two seconds ago is not remembered: it could change again in the same instant."""
        last = time.time()
        self.wait_for(lambda: time.time() > last + 3)

    def audited(self):
        """What is found, by the cache, and how many files were looked at. Without the cache it is the same."""
        document = self.by_layers(self.container, "--layer-cache", self.cache)
        self.assertEqual(comparable(document), comparable(self.by_layers(self.container)))
        coverage = next(entry for entry in document["coverage"] if entry["collector"] == "filesystem")
        return {file["path"]: file for file in document["files"]}, coverage

    def assertRefused(self, why):
        _, coverage = self.audited()
        self.assertReason(coverage, f"layer cache not used: {why}")

    def test_remembered(self):
        first, coverage = self.audited()
        self.assertGreater(coverage["seen"], 20)
        self.assertEqual(stat.S_IMODE(os.stat(self.cache).st_mode), 0o600)
        inode = os.stat(self.cache).st_ino
        second, coverage = self.audited()
        self.assertEqual(second, first)
        self.assertEqual(coverage["seen"], 0, "of the image")
        self.assertEqual(os.stat(self.cache).st_ino, inode, "nothing new, nothing written")
        self.assertEqual(list(first), sorted(first))
        document = self.document("audit", "--container", self.container.id, "--layer-cache", self.cache)
        told = next(one for one in document["containers"] if one["id"] == self.container.id)
        self.assertIn("/usr/bin/nc", [tool["path"] for tool in told["tools"]])
        self.assertTrue(told["files_walked"])

    def test_changed(self):
        self.audited()
        changes = {
            "added": lambda: program(f"{self.layer}/usr/1/new"),
            "chmod": lambda: os.chmod(f"{self.layer}/usr/0/0", 0o2755),
            "no more setuid": lambda: os.chmod(f"{self.layer}/usr/0/4", 0o755),
            "removed": lambda: os.unlink(f"{self.layer}/usr/0/8"),
            "moved": lambda: os.rename(f"{self.layer}/usr/2", f"{self.layer}/usr/moved"),
            "capabilities": lambda: os.setxattr(f"{self.layer}/usr/0/12", "security.capability", RAW),
            "opaque": lambda: os.setxattr(f"{self.layer}/usr/3", "trusted.overlay.opaque", b"y"),
        }
        for name, change in changes.items():
            with self.subTest(name):
                change()
                _, coverage = self.audited()
                self.assertGreater(coverage["seen"], 0)
        self.become_old()
        self.audited()
        _, coverage = self.audited()
        self.assertEqual(coverage["seen"], 0)

    def test_just_changed(self):
        """Another change in the same instant would not be noticed: it is not remembered."""
        os.utime(f"{self.layer}/usr/1", (time.time() + 3600,) * 2)
        self.audited()
        program(f"{self.layer}/usr/1/at-once")
        self.assertIn("/usr/1/at-once", self.audited()[0])

    def test_where_users_get_to(self):
        """Who owns a file in a layer could set its bit there: that changes no directory, and no file that was kept."""
        place = os.path.dirname(self.layer)
        os.chmod(place, 0o755)
        for _ in range(2):
            _, coverage = self.audited()
            self.assertGreater(coverage["seen"], 20)
        self.assertFalse(os.path.exists(self.cache))
        os.chmod(f"{self.layer}/usr/1/1", 0o4755)
        self.assertIn("/usr/1/1", self.audited()[0])

    def test_not_believed(self):
        self.audited()
        with open(self.cache, "rb") as file:
            sound = file.read()
        for number, content in enumerate([b"", b"{}", sound[:-1], sound[:40], sound + b"x",
                                          sound.replace(b"/usr/0/0", b"/usr/0/1"), bytes(len(sound))]):
            with self.subTest(number):
                with open(self.cache, "wb") as file:
                    file.write(content)
                if content:
                    self.assertRefused("it is damaged, or is no such file")
                else:
                    self.audited()
                with open(self.cache, "rb") as file:
                    self.assertEqual(len(file.read()), len(sound), "written anew")

    def test_of_others(self):
        self.audited()
        os.chmod(self.cache, 0o620)
        self.assertRefused("others may write to it")
        os.chmod(self.cache, 0o600)
        os.chown(self.cache, 12345, 0)
        self.assertRefused("it belongs to another user")
        self.assertEqual(os.stat(self.cache).st_uid, 12345, "it is left alone")
        os.unlink(self.cache)
        os.mkfifo(self.cache)
        self.assertRefused("it is no regular file")


@needs_containers
@harness.needs("setpriv")
class RandomTest(OverlayCase):
    """What is done at random in a mounted overlay, and below it before, is found the same in both ways."""

    NAMES = ["a", "b", "c"]

    def path(self, random_, root):
        return "/".join([root, "usr", *(random_.choice(self.NAMES) for _ in range(random_.randint(1, 3)))])

    def operate(self, random_, root):
        path, other = self.path(random_, root), self.path(random_, root)
        operation = random_.choice(["program", "program", "capable", "tool", "directory", "remove", "mode", "mode",
                                    "rename", "rename", "link", "symlink"])
        try:
            if operation == "program":
                program(path, random_.choice([0o4755, 0o2755, 0o755, 0o6711]))
            elif operation == "capable":
                os.setxattr(program(path, 0o755), "security.capability", RAW)
            elif operation == "tool":
                tool(f"{path}/nc")
            elif operation == "directory":
                directory(path, random_.choice([0o755, 0o700, 0o777, 0o1777]))
            elif operation == "remove":
                shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
            elif operation == "mode":
                os.chmod(path, random_.choice([0o4755, 0o755, 0o700, 0o777]))
            elif operation == "rename":
                os.rename(path, other)
            elif operation == "link":
                os.link(path, other)
            elif operation == "symlink":
                os.symlink(random_.choice(["/usr/a", "b", "../c"]), path)
        except OSError:
            pass  # not everything can be done everywhere

    def stack(self, seed, options):
        """Layers that were upper ones of overlays, one after the other, as images are built."""
        random_ = random.Random(seed)
        place = self.scratch()
        layers = [directory(f"{place}/0")]
        program(f"{layers[0]}/usr/a/a/a")
        for number in range(1, 4):
            upper, work, merged = (directory(f"{place}/{number}{part}") for part in ("", "-work", "-merged"))
            unmount = self.mount(merged, [f"lowerdir={':'.join(layers[::-1])}", f"upperdir={upper}", f"workdir={work}",
                                *options])
            for _ in range(25):
                self.operate(random_, merged)
            unmount()
            layers.append(upper)

        def above(root):
            for _ in range(25):
                self.operate(random_, root)

        return self.start(name=f"random-{seed}", lower=lambda base: ":".join([*layers[::-1], *base]), above=above,
                          options=options)

    def test_as_it_is_by_default(self):
        for seed in range(4):
            with self.subTest(seed=seed):
                self.assertTrue(self.check(self.stack(seed, [])))

    def test_with_redirects_and_metacopy(self):
        for seed in range(4, 8):
            with self.subTest(seed=seed):
                self.assertTrue(self.check(self.stack(seed, ["redirect_dir=on", "metacopy=on"])))


if __name__ == "__main__":
    harness.main()
