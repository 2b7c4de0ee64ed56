"""Files on mounts: binds, mounts over mounts, options, kernel file systems, FUSE that never answers."""

import os
import shutil
import stat
import threading
import unittest

import files
import harness
from files import LIBC, MNT_DETACH, MountCase, attribute, make
from harness import PROCTOR


@harness.needs_root
@harness.needs("mount")
class MountTest(MountCase):
    def test_options_of_the_mount(self):
        place = self.tmpfs("nosuid")
        os.mkdir(f"{place}/noexec")
        self.mount("tmpfs", "tmpfs", f"{place}/noexec", "noexec")
        make(f"{place}/setuid", 0o4755)
        make(f"{place}/noexec/setuid", 0o4755)
        found, _ = self.files(place)
        told = {path.removeprefix(place): (file["nosuid"], file["noexec"]) for path, file in found.items()}
        self.assertEqual(told, {"/setuid": (True, False), "/noexec/setuid": (False, True)})
        device = os.stat(f"{place}/noexec").st_dev
        self.assertEqual(found[f"{place}/noexec/setuid"]["device"], f"{os.major(device)}:{os.minor(device)}")

    def test_bind_mounts(self):
        place = self.tmpfs()
        os.makedirs(f"{place}/source/below")
        os.mkdir(f"{place}/directory")
        make(f"{place}/source/below/setuid", 0o4755)
        make(f"{place}/file")
        self.mount(None, f"{place}/source", f"{place}/directory", "bind")
        found, coverage = self.files(place)
        self.assertEqual(list(found), [f"{place}/source/below/setuid"])
        self.assertReason(coverage, "several places")
        self.mount(None, f"{place}/source/below/setuid", f"{place}/file", "bind")
        self.assertEqual(len(self.files(place)[0]), 1)
        self.assertEqual(list(self.files(f"{place}/file")[0]), [f"{place}/file"])
        self.assertEqual(list(self.files(f"{place}/directory")[0]), [f"{place}/directory/below/setuid"])

    def test_bind_mount_that_alone_acts(self):
        """The same files, nosuid at one place and not at the other."""
        place = self.tmpfs("nosuid")
        for name in ("source", "acts"):
            os.mkdir(f"{place}/{name}")
        make(f"{place}/source/setuid", 0o4755)
        self.mount(None, f"{place}/source", f"{place}/acts", "bind")
        self.run_command("mount", "-o", "remount,bind,suid", f"{place}/acts")
        found, _ = self.files(place)
        self.assertEqual({path: file["nosuid"] for path, file in found.items()},
                         {f"{place}/source/setuid": True, f"{place}/acts/setuid": False})

    def test_bind_of_what_is_covered(self):
        place = self.tmpfs()
        os.makedirs(f"{place}/source/below")
        make(f"{place}/source/below/setuid", 0o4755)
        os.mkdir(f"{place}/other")
        self.mount(None, f"{place}/source", f"{place}/other", "bind")
        self.mount("tmpfs", "tmpfs", f"{place}/source")
        make(f"{place}/source/above", 0o4755)
        found, _ = self.files(place)
        self.assertEqual(sorted(found), [f"{place}/other/below/setuid", f"{place}/source/above"])

    def test_file_bound_over_a_file(self):
        place, other = self.tmpfs(), self.tmpfs()
        make(f"{place}/point")
        make(f"{other}/setuid", 0o4711, attribute(1, 0, True))
        self.mount(None, f"{other}/setuid", f"{place}/point", "bind")
        found, _ = self.files(place)
        self.assertEqual(list(found), [f"{place}/point"])
        self.assertEqual(found[f"{place}/point"]["capabilities"]["permitted"], ["CAP_CHOWN"])

    def test_mount_over_mount(self):
        place = self.tmpfs()
        make(f"{place}/hidden", 0o4755)
        self.mount("tmpfs", "tmpfs", place)
        make(f"{place}/seen", 0o4755)
        self.assertEqual(list(self.files(place)[0]), [f"{place}/seen"])

    def test_hostile_mount_points(self):
        place = self.tmpfs()
        names = ["a", "a b", "a\nb", "a-b", "a\\040b", "tab\t", "\x01", "ü", "a/x"]
        for name in names:
            os.mkdir(f"{place}/{name}")
            self.mount("tmpfs", "tmpfs", f"{place}/{name}")
            make(f"{place}/{name}/setuid", 0o4755)
        document = self.document("files", place)
        self.assertEqual({(file["inode"], file["device"]) for file in document["files"]},
                         {(facts.st_ino, f"{os.major(facts.st_dev)}:{os.minor(facts.st_dev)}")
                          for facts in (os.stat(f"{place}/{name}/setuid") for name in names)})

    def test_beneath_a_file_system_of_the_kernel(self):
        """What is mounted on /proc or /sys holds programs as well as anything."""
        place = self.scratch()
        self.mount("proc", "proc", place)
        self.mount("tmpfs", "tmpfs", f"{place}/sys/fs")
        make(f"{place}/sys/fs/setuid", 0o4755)
        found, coverage = self.files(place)
        self.assertEqual(list(found), [f"{place}/sys/fs/setuid"])
        self.assertEqual(coverage["seen"], 1)
        self.assertReason(coverage, "kernel's own")

    def test_operands_that_are_not_walked(self):
        """Each is told with the reason; when nothing else was asked for, an empty list would be a lie."""
        place = self.tmpfs()
        os.mkfifo(f"{place}/fifo")
        old = f"{self.scratch()}/old"
        for arguments, reason in ((("/proc",), "proc is a file system of the kernel's own"),
                                  (("/proc/sys",), "proc is a file system of the kernel's own"),
                                  ((f"{place}/fifo",), "neither a directory nor a regular file"),
                                  (("--exclude", place, place), "left out as asked")):
            with self.subTest(arguments):
                with open(old, "w", encoding="ascii") as file:
                    file.write("old")
                result = self.proctor("files", *arguments, "--output-file", old, status=3)
                told, last = result.stderr.decode().splitlines()
                self.assertIn(reason, told)
                self.assertIn(f", as {arguments[-1]}", told)
                self.assertIn("nothing of what was asked for could be walked", last)
                with open(old, encoding="ascii") as file:
                    self.assertEqual(file.read(), "old")
                result = self.proctor("files", *arguments, self.scratch())
                self.assertOneLine(result.stderr, reason)
        result = self.proctor("files", "/proc", "/")
        self.assertIn(b"kernel's own, holds no programs: not listed, as /proc\n", result.stderr)

    def test_chroot(self):
        """Its root is no mount of the table, and is walked all the same."""
        place = self.scratch()
        for name in ("proc", "usr"):
            os.mkdir(f"{place}/{name}")
        for name in ("lib", "lib64"):
            os.symlink(f"usr/{name}", f"{place}/{name}")
        self.mount("proc", "proc", f"{place}/proc")
        self.mount(None, "/usr", f"{place}/usr", "bind")
        shutil.copy(PROCTOR, f"{place}/proctor")
        make(f"{place}/setuid", 0o4755)
        found, coverage = self.files("--exclude", "/usr", "/", wrap=["chroot", place], binary="/proctor")
        self.assertEqual(list(found), ["/setuid"])
        self.assertEqual(coverage["missed"], 0)

    def test_link_of_proc(self):
        result = self.proctor("files", "/proc/self/root", status=3)
        self.assertOneLine(result.stderr, "/proc/self/root", "--container")

    def test_mounts_come_and_go(self):
        place = self.tmpfs()
        for number in range(50):
            os.makedirs(f"{place}/{number}/point")
        going = threading.Event()

        def change():
            number = 0
            while not going.is_set():
                number = (number + 7) % 50
                point = f"{place}/{number}/point".encode()
                LIBC.mount(b"tmpfs", point, b"tmpfs", 0, None)
                os.close(os.open(point + b"/file", os.O_CREAT | os.O_WRONLY, 0o644))
                LIBC.umount2(point, MNT_DETACH)

        changer = threading.Thread(target=change)
        changer.start()
        try:
            for _ in range(30):
                found, _ = self.files(place)
                self.assertEqual(found, {})
        finally:
            going.set()
            changer.join()


@harness.needs_root
@unittest.skipUnless(os.path.exists("/dev/fuse"), "no /dev/fuse")
class SilentTest(MountCase):
    """A FUSE file system that never answers: whoever asks it anything waits for good."""

    def silent(self, point, mode=stat.S_IFDIR):
        """Mounts one: its server is this program, which never reads what it is asked."""
        server = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={server},rootmode={mode:o},user_id=0,group_id=0"
        self.undo(os.close, server)
        files.check(LIBC.mount(b"silent", os.fsencode(point), b"fuse.silent", 0, options.encode()), "mount FUSE")
        self.undo(self.unmount, point)

    def test_directory(self):
        place = self.tmpfs()
        for name in ("silent", "seen"):
            os.mkdir(f"{place}/{name}")
        make(f"{place}/seen/setuid", 0o4755)
        self.silent(f"{place}/silent")
        found, coverage = self.files(place)
        self.assertEqual(list(found), [f"{place}/seen/setuid"])
        reason = self.assertReason(coverage, "fuse", f"{place}/silent", 1)
        self.assertIn("--cross-file-systems", reason["remedy"])
        self.assertEqual(coverage["missed"], 1)
        self.assertIn(b"--cross-file-systems", self.proctor("files", place).stderr)

    def test_file(self):
        place = self.tmpfs()
        make(f"{place}/silent", 0o4755)
        self.silent(f"{place}/silent", stat.S_IFREG)
        found, coverage = self.files(place)
        self.assertEqual(found, {})
        self.assertReason(coverage, "fuse", f"{place}/silent", 1)

    def test_operand(self):
        place = self.tmpfs()
        os.mkdir(f"{place}/silent")
        self.silent(f"{place}/silent")
        os.symlink("silent/below", f"{place}/link")
        for operand in ("silent", "silent/below/../x", "link"):
            result = self.proctor("files", f"{place}/{operand}", status=3)
            self.assertOneLine(result.stderr, "fuse.silent", "--cross-file-systems")

    def test_it_lies_over_a_mount(self):
        place = self.tmpfs()
        os.mkdir(f"{place}/point")
        self.mount("tmpfs", "tmpfs", f"{place}/point")
        make(f"{place}/point/setuid", 0o4755)
        os.mkdir(f"{place}/point/below")
        self.mount("tmpfs", "tmpfs", f"{place}/point/below")
        self.silent(f"{place}/point")
        found, coverage = self.files(place)
        self.assertEqual(found, {})
        self.assertEqual(coverage["missed"], 1)

    def test_it_comes_and_goes(self):
        """Mounted on a directory or a file after the mount table was read."""
        place = self.tmpfs()
        points = []
        for number in range(40):
            os.makedirs(f"{place}/{number}/directory")
            make(f"{place}/{number}/file", 0o4755)
            points += [(f"{place}/{number}/directory", stat.S_IFDIR), (f"{place}/{number}/file", stat.S_IFREG)]
        going = threading.Event()

        def change():
            number = 0
            while not going.is_set():
                number = (number + 7) % len(points)
                point, mode = os.fsencode(points[number][0]), points[number][1]
                server = os.open("/dev/fuse", os.O_RDWR)
                LIBC.mount(b"silent", point, b"fuse.silent", 0,
                           f"fd={server},rootmode={mode:o},user_id=0,group_id=0".encode())
                LIBC.umount2(point, MNT_DETACH)
                os.close(server)

        changer = threading.Thread(target=change)
        changer.start()
        try:
            for _ in range(40):
                found, _ = self.files(place)
                self.assertLessEqual(set(found), {point for point, _ in points})
                self.assertGreater(len(found), 30)
        finally:
            going.set()
            changer.join()


if __name__ == "__main__":
    harness.main()
