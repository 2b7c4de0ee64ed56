"""The walk of files: hostile trees, capabilities, no rights; and beside find, getcap and filecap."""

import errno
import os
import re
import stat
import struct
import subprocess
import threading

import harness
from files import CAPABILITY, FilesCase, MountCase, attribute, make
from harness import NOBODY, PROCTOR

MANY = 20000
FILES = 1000000
DEEP = 4500  # levels; a path of that many names is longer than PATH_MAX


class TreeTest(FilesCase):
    """What anyone can make in a directory of their own."""

    def test_modes(self):
        place = self.scratch()
        for mode in (0o4755, 0o2755, 0o6711, 0o4644, 0o2644, 0o4000, 0o1777, 0o755, 0o644):
            make(f"{place}/{mode:o}", mode)
        os.mkdir(f"{place}/directory")
        os.chmod(f"{place}/directory", 0o2775)
        os.symlink("4755", f"{place}/link")
        os.mkfifo(f"{place}/fifo")
        os.chmod(f"{place}/fifo", 0o4755)
        found, coverage = self.files(place)
        self.assertEqual(sorted(found), sorted(f"{place}/{mode:o}" for mode in (0o4755, 0o2755, 0o6711, 0o4644,
                                                                               0o2644, 0o4000)))
        self.assertEqual(coverage["seen"], 9)
        self.assertEqual(coverage["missed"], 0)
        for path, file in found.items():
            facts = os.lstat(path)
            self.assertEqual(int(file["mode"], 8), stat.S_IMODE(facts.st_mode))
            self.assertEqual((file["uid"], file["gid"], file["links"], file["inode"]),
                             (facts.st_uid, facts.st_gid, facts.st_nlink, facts.st_ino))
            self.assertEqual((file["setuid"], file["setgid"]),
                             (bool(facts.st_mode & stat.S_ISUID), bool(facts.st_mode & stat.S_ISGID)))

    def test_hard_links(self):
        place = self.scratch()
        make(f"{place}/one", 0o4755)
        for name in ("two", "three"):
            os.link(f"{place}/one", f"{place}/{name}")
        found, _ = self.files(place)
        self.assertEqual(sorted(found), [f"{place}/{name}" for name in ("one", "three", "two")])
        self.assertEqual({file["links"] for file in found.values()}, {3})
        self.assertEqual(len({file["inode"] for file in found.values()}), 1)

    def test_links_out_and_round(self):
        place, outside = self.scratch(), self.scratch()
        make(f"{outside}/outside", 0o4755)
        os.symlink(outside, f"{place}/out")
        os.symlink(f"{outside}/outside", f"{place}/file")
        os.symlink("..", f"{place}/up")
        os.symlink("round", f"{place}/round")
        found, coverage = self.files(place)
        self.assertEqual((found, coverage["missed"]), ({}, 0))

    def test_operands(self):
        place = self.scratch()
        os.makedirs(f"{place}/a/b")
        os.symlink("a/b", f"{place}/link")
        make(f"{place}/a/b/file", 0o4755)
        make(f"{place}/a/other", 0o4755)
        os.symlink("file", f"{place}/a/b/near")
        expected = {f"{place}/a/b/file"}
        for operand in (f"{place}/link", f"{place}/a/../link/.", f"{place}//a/b/file", f"{place}/link/near"):
            with self.subTest(operand):
                self.assertEqual(set(self.files(operand)[0]), expected)
        self.assertEqual(set(self.files("link", cwd=place)[0]), expected)
        twice, _ = self.files(place, f"{place}/a", f"{place}/a/b/file", place)
        self.assertEqual(len(twice), 2)
        os.symlink("loop", f"{place}/loop")
        for operand, words in ((f"{place}/none", "No such file"), (f"{place}/loop", "Too many levels"),
                               (f"{place}/a/other/x", "Not a directory")):
            result = self.proctor("files", operand, status=3)
            self.assertOneLine(result.stderr, operand, words)
            self.assertEqual(result.stdout, b"")

    def test_hostile_names(self):
        place = self.scratch()
        names = [b"new\nline", b"\x1b[31mred", b"\xff\xfe invalid", "für".encode(), b"back\\slash", b"a b",
                 "\u202eltr".encode(), bytes(range(1, 47)) + bytes(range(48, 256)), b"x" * 255, b"\\x41"]
        for name in names:
            make(place.encode() + b"/" + name, 0o4755)
        document = self.document("files", place)
        self.assertEqual(len({file["path"] for file in document["files"]}), len(names))
        inodes = {os.stat(place.encode() + b"/" + name).st_ino for name in names}
        self.assertEqual({file["inode"] for file in document["files"]}, inodes)
        lines = self.proctor("files", "--format", "ndjson", place).stdout.splitlines()
        self.assertEqual(sum(b'"type":"file"' in line for line in lines), len(names))
        table = self.proctor("files", place).stdout
        self.assertEqual(len(table.splitlines()), len(names) + 1)
        self.assertNotIn(b"\x1b", table)
        self.assertNotIn("\u202e", table.decode("utf-8"))

    def test_deep_tree(self):
        place = self.scratch()
        here = os.open(place, os.O_PATH)
        for level in range(DEEP):
            if level % 500 == 0 or level == DEEP - 1:
                make(f"/proc/self/fd/{here}/setuid", 0o4755)
            if level % 3 == 0:  # something is left to do at many levels
                os.mkdir("aside", dir_fd=here)
            os.mkdir("d", dir_fd=here)
            deeper = os.open("d", os.O_PATH, dir_fd=here)
            os.close(here)
            here = deeper
        os.close(here)
        self.undo(subprocess.run, ["rm", "-rf", place])
        for limit in (20, 1024):
            found, coverage = self.files(place, wrap=["prlimit", f"--nofile={limit}:{limit}"])
            depths = sorted(path[len(place):].count("/d") for path in found)
            self.assertEqual(depths, [*range(0, DEEP, 500), DEEP - 1])
            self.assertEqual(coverage["missed"], 0)

    def test_wide_tree_with_few_descriptors(self):
        place = self.scratch()
        for first in range(60):
            for second in range(20):
                os.makedirs(f"{place}/{first}/{second}/below/that")
        make(f"{place}/59/19/below/that/setuid", 0o4755)
        found, coverage = self.files(place, wrap=["prlimit", "--nofile=20:20"])
        self.assertEqual((len(found), coverage["missed"]), (1, 0))

    def test_many_entries(self):
        place = self.scratch()
        os.mkdir(f"{place}/files")
        os.mkdir(f"{place}/directories")
        here = os.open(f"{place}/files", os.O_PATH)
        for number in range(MANY):
            os.close(os.open(str(number), os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=here))
        os.chmod(f"{place}/files/{MANY // 2}", 0o4755)
        os.close(here)
        here = os.open(f"{place}/directories", os.O_PATH)
        for number in range(MANY // 2):
            os.mkdir(str(number), dir_fd=here)
        os.close(here)
        make(f"{place}/directories/{MANY // 3}/setuid", 0o4755)
        found, coverage = self.files(place)
        self.assertEqual(sorted(found), [f"{place}/directories/{MANY // 3}/setuid", f"{place}/files/{MANY // 2}"])
        self.assertEqual(coverage["seen"], MANY + 1)

    def test_memory_does_not_grow(self):
        """Neither with the files of a directory nor with its directories."""
        place = self.scratch()
        for kind, count in (("few", 10), ("many", MANY)):
            os.makedirs(f"{place}/{kind}")
            for number in range(count):
                os.mkdir(f"{place}/{kind}/{number}")
        peaks = [self.peak("files", f"{place}/{kind}") for kind in ("few", "many")]
        self.assertLess(peaks[1], peaks[0] + 1024, "KiB")

    def peak(self, *arguments):
        process = subprocess.Popen([PROCTOR, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        return usage.ru_maxrss

    def test_excluded(self):
        place = self.scratch()
        for directory in ("keep", "leave", "keep/leave"):
            os.mkdir(f"{place}/{directory}")
            make(f"{place}/{directory}/setuid", 0o4755)
        found, coverage = self.files("--exclude", "*/leave", place)
        self.assertEqual(list(found), [f"{place}/keep/setuid"])
        self.assertReason(coverage, "left out", count=2)
        self.assertEqual(len(self.files("--exclude", f"{place}/leave", place)[0]), 2)

    def test_directories_above(self):
        place = self.scratch()
        for name, mode in (("open", 0o755), ("closed", 0o700), ("group", 0o775), ("sticky", 0o1777)):
            os.mkdir(f"{place}/{name}")
            make(f"{place}/{name}/setuid", 0o4755)
            os.chmod(f"{place}/{name}", mode)
        os.mkdir(f"{place}/closed/below")
        make(f"{place}/closed/below/setuid", 0o4755)
        found, _ = self.files(place)
        told = {path.removeprefix(place): (file["reachable"], file["writable_directory"])
                for path, file in found.items()}
        self.assertEqual(told, {"/open/setuid": (True, False), "/closed/setuid": (False, False),
                                "/closed/below/setuid": (False, False), "/group/setuid": (True, True),
                                "/sticky/setuid": (True, False)})
        self.assertFalse(self.files(f"{place}/closed/below/setuid")[0][f"{place}/closed/below/setuid"]["reachable"])

    def test_change_while_walked(self):
        """Directories become links, files come and go: nothing outside is found, nothing hangs."""
        place, outside = self.scratch(), self.scratch()
        make(f"{outside}/outside", 0o4755)
        for number in range(200):
            os.makedirs(f"{place}/{number}/below")
        going = threading.Event()

        def change():
            number = 0
            while not going.is_set():
                number = (number + 7) % 200
                path = f"{place}/{number}"
                os.rename(path, f"{path}.away")
                os.symlink(outside, path)
                make(f"{path}.away/below/new", 0o755)
                os.unlink(f"{path}.away/below/new")
                os.unlink(path)
                os.rename(f"{path}.away", path)

        changer = threading.Thread(target=change)
        changer.start()
        try:
            for _ in range(30):
                found, coverage = self.files(place)
                self.assertEqual(found, {})
                for reason in coverage["reasons"]:
                    self.assertIn("went away", reason["reason"])
        finally:
            going.set()
            changer.join()

    def test_output_file(self):
        place = self.scratch()
        make(f"{place}/setuid", 0o4755)
        result = self.proctor("files", "--format", "ndjson", "--output-file", f"{place}/out", place)
        self.assertEqual(result.stdout, b"")
        with open(f"{place}/out", "rb") as file:
            self.assertIn(b'"type":"file"', file.read())


@harness.needs_root
class MillionTest(MountCase):
    def test_a_million_files_in_one_directory(self):
        place = self.tmpfs("nr_inodes=0")
        here = os.open(place, os.O_PATH)
        for number in range(FILES):
            os.mknod(str(number), stat.S_IFREG | 0o644, dir_fd=here)
        os.close(here)
        os.chmod(f"{place}/{FILES // 2}", 0o4755)
        found, coverage = self.files(place)
        self.assertEqual(list(found), [f"{place}/{FILES // 2}"])
        self.assertEqual((coverage["seen"], coverage["missed"]), (FILES, 0))


@harness.needs_root
class CapabilityTest(MountCase):
    def test_sets(self):
        place = self.scratch()
        mask = harness.mask
        cases = {
            "ep": (attribute(mask("CAP_NET_RAW"), 0, True), "net_raw=ep"),
            "p": (attribute(mask("CAP_NET_RAW", "CAP_BPF")), "net_raw,bpf=p"),
            "i": (attribute(0, mask("CAP_CHOWN")), "chown=i"),
            "eip": (attribute(mask("CAP_CHOWN"), mask("CAP_CHOWN", "CAP_KILL"), True), "chown=eip kill=ei"),
            "empty": (attribute(), "none"),
            "unknown": (attribute(1 << 62, 0, True), "cap_62=ep"),
            "rootid": (attribute(mask("CAP_SYS_ADMIN"), 0, True, 100000), "sys_admin=ep [rootid=100000]"),
        }
        for name, (value, _) in cases.items():
            make(f"{place}/{name}", 0o755, value)
        make(f"{place}/not-executable", 0o644, attribute(mask("CAP_NET_RAW")))
        found, _ = self.files(place)
        table = self.proctor("files", place).stdout.decode()
        self.assertEqual(sorted(found), sorted(f"{place}/{name}" for name in cases))
        for name, (_, words) in cases.items():
            value = os.getxattr(f"{place}/{name}", CAPABILITY)  # the kernel's own word
            magic, low, low_inheritable, high, high_inheritable = struct.unpack("<5I", value[:20])
            told = found[f"{place}/{name}"]["capabilities"]
            self.assertEqual(told["permitted"], harness.names(low | high << 32))
            self.assertEqual(told["inheritable"], harness.names(low_inheritable | high_inheritable << 32))
            self.assertEqual((told["effective"], told["version"]), (bool(magic & 1), magic >> 24))
            self.assertEqual(told.get("root_id"), struct.unpack("<I", value[20:])[0] if value[20:] else None)
            self.assertRegex(table, f"(?m) {re.escape(words)} .* {place}/{name}$")

    @harness.needs("getcap", "filecap")
    def test_like_getcap_and_filecap(self):
        place = self.scratch()
        for number in range(41):
            make(f"{place}/{number}", 0o755, attribute(1 << number, 1 << (40 - number), bool(number % 2)))
            make(f"{place}/{number}-plain", 0o755)
        found, _ = self.files(place)
        getcap = self.run_command("getcap", "-r", place).stdout.decode().splitlines()
        self.assertEqual({line.split(" ")[0] for line in getcap}, set(found))
        filecap = self.run_command("filecap", place).stdout.decode()
        for path in found:
            self.assertIn(f" {path} ", filecap)

    @harness.needs("mke2fs", "debugfs", "mount")
    def test_malformed(self):
        """Values that the kernel would not let one set, on a disk that was made elsewhere."""
        place, disk = self.scratch(), f"{self.scratch()}/disk"
        values = {"short": b"\1", "empty-v2": struct.pack("<I", 2 << 24), "v1": attribute(1, version=1),
                  "v4": attribute(1, version=4), "long": attribute(1) + b"\0" * 400,
                  "v2-as-v3": attribute(1, root_id=7)[:-4], "good": attribute(1, 0, True)}
        tree = self.scratch()
        for name in values:
            make(f"{tree}/{name}", 0o755)
        commands = f"{self.scratch()}/commands"
        with open(commands, "w", encoding="ascii") as file:
            for name, value in values.items():
                with open(f"{commands}.{name}", "wb") as content:
                    content.write(value)
                file.write(f"ea_set -f {commands}.{name} /{name} {CAPABILITY}\n")
        for words in (["mke2fs", "-q", "-t", "ext4", "-d", tree, disk, "8M"], ["debugfs", "-w", "-f", commands, disk]):
            result = self.run_command(*words)
            self.assertEqual(result.returncode, 0, result.stderr.decode())
        mounted = self.run_command("mount", "-o", "loop", disk, place)
        if mounted.returncode:
            self.skipTest("no loop device: " + mounted.stderr.decode().strip())
        self.undo(self.unmount, place)
        found, coverage = self.files(place)
        self.assertEqual(sorted(found), sorted(f"{place}/{name}" for name in values))
        for name in values:
            told = found[f"{place}/{name}"]["capabilities"]
            try:
                value = os.getxattr(f"{place}/{name}", CAPABILITY)
            except OSError as error:
                self.assertEqual((error.errno, told), (errno.EINVAL, {"understood": False}), name)
            else:
                self.assertEqual(told["version"], value[3], name)
        self.assertReason(coverage, "malformed")
        self.assertIn("not understood", self.proctor("files", place).stdout.decode())


@harness.needs_root
class UserTest(FilesCase):
    """As a user who may not read everything."""

    def test_closed_directories(self):
        place = self.scratch()
        for name in ("open", "closed", "listed"):
            os.mkdir(f"{place}/{name}")
            make(f"{place}/{name}/setuid", 0o4755)
        os.chmod(f"{place}/closed", 0o700)
        os.chmod(f"{place}/listed", 0o744)
        found, coverage = self.files(place, user=NOBODY)
        self.assertEqual(list(found), [f"{place}/open/setuid"])
        self.assertEqual(coverage["missed"], 2)
        for what, example in (("directory", f"{place}/closed"), ("file", f"{place}/listed/setuid")):
            reason = self.assertReason(coverage, f"EACCES on a {what}", example, 1)
            self.assertIn("CAP_DAC_READ_SEARCH", reason["remedy"])
        table = self.proctor("files", place, user=NOBODY)
        self.assertIn(b"CAP_DAC_READ_SEARCH", table.stderr)
        self.assertEqual(len(table.stdout.splitlines()), 2)
        result = self.proctor("files", f"{place}/closed/setuid", user=NOBODY, status=3)
        self.assertOneLine(result.stderr, f"{place}/closed/setuid", "Permission denied")


@harness.needs_root
@harness.needs("find", "getcap", "filecap", "unshare")
class WholeTest(FilesCase):
    """The machine itself: the mount of its root beside find, getcap and filecap. They walk a copy of that mount, on
    which no other lies, so that all walk the same. Where they differ the kernel decides; what others changed since
    the test began is not compared."""

    def setUp(self):
        self.start = os.stat(self.scratch()).st_ctime_ns
        self.place = self.scratch()
        with open("/proc/self/mountinfo", "rb") as file:
            points = {line.split()[4].decode("unicode_escape") for line in file}
        self.beneath = tuple(point + "/" for point in points if point != "/")

    def peer(self, *words):
        """What a peer prints that walks the copy."""
        result = self.run_command("unshare", "--mount", "--propagation", "private", "sh", "-ec",
                                  f'mount --bind / {self.place}; exec "$@"', "sh", *words)
        return os.fsdecode(result.stdout)

    def path(self, path):
        """Where it is on the machine; None: beneath another mount, or changed meanwhile."""
        path = path.removeprefix(self.place)
        if path.startswith(self.beneath):
            return None
        try:
            return path if os.lstat(path).st_ctime_ns < self.start else None
        except FileNotFoundError:
            return None

    def known(self, pairs):
        """The same by their paths on the machine."""
        return {self.path(path): value for path, value in pairs if self.path(path)}

    def assertAlike(self, ours, theirs, truth, peer):
        """Each argument by path; `truth` asks the kernel about one. Ours is right everywhere, and the peer mostly."""
        for path in sorted(ours.keys() | theirs.keys()):
            if ours.get(path) != theirs.get(path):
                word = truth(path)
                self.comment(f"{path}: {peer} says {theirs.get(path)}, the kernel {word}")
                self.assertEqual(ours.get(path), word, path)
        self.assertTrue(ours.items() & theirs.items())

    @staticmethod
    def modes(path):
        facts = os.lstat(path)
        special = stat.S_ISREG(facts.st_mode) and facts.st_mode & 0o6000
        return (facts.st_mode & 0o7777, facts.st_uid, facts.st_gid, facts.st_ino) if special else None

    @staticmethod
    def attribute(path):
        """effective, permitted and inheritable, as numbers; None: it has no capabilities."""
        try:
            value = os.getxattr(path, CAPABILITY, follow_symlinks=False)
        except OSError as error:
            if error.errno in (errno.ENODATA, errno.ENOENT):  # it may be another's, and gone
                return None
            raise
        magic, low, low_inheritable, high, high_inheritable = struct.unpack("<5I", value[:20])
        permitted, inheritable = low | high << 32, low_inheritable | high_inheritable << 32
        return (permitted | inheritable if magic & 1 else 0, permitted, inheritable)

    def test_like_find_getcap_and_filecap(self):
        marked = f"{self.scratch()}/marked"
        if os.stat(os.path.dirname(marked)).st_dev != os.stat("/").st_dev:
            self.skipTest("the scratch directory is not on the mount of the root")
        make(marked, 0o755, attribute(harness.mask("CAP_NET_RAW", "CAP_BPF"), harness.mask("CAP_CHOWN"), True))
        self.start = os.stat(marked).st_ctime_ns + 1
        document = self.document("files")
        ours = self.known((file["path"], file) for file in document["files"] if "container_id" not in file)
        self.assertIn(marked, ours)
        self.compare_modes(ours)
        sets = {path: file["capabilities"] for path, file in ours.items() if "capabilities" in file}
        sets = {path: tuple(harness.mask(*told[kind]) for kind in ("permitted", "inheritable")) + (told["effective"],)
                for path, told in sets.items()}
        sets = {path: (permitted | inheritable if effective else 0, permitted, inheritable)
                for path, (permitted, inheritable, effective) in sets.items()}
        self.compare_getcap(sets)
        self.compare_filecap(sets)

    def compare_modes(self, ours):
        lines = self.peer("find", self.place, "-xdev", "-perm", "/6000", "-type", "f", "-printf", "%m %U %G %i %p\\0")
        found = (line.split(" ", 4) for line in lines.split("\0") if line)
        theirs = self.known((path, (int(mode, 8), int(uid), int(gid), int(inode)))
                            for mode, uid, gid, inode, path in found)
        self.assertAlike({path: (int(file["mode"], 8), file["uid"], file["gid"], file["inode"])
                          for path, file in ours.items() if file["setuid"] or file["setgid"]},
                         theirs, self.modes, "find")

    def compare_getcap(self, sets):
        clause = "[a-z_,0-9]*[=+-][eip]+"
        lines = self.peer("getcap", "-r", self.place).splitlines()
        found = (re.fullmatch(f"(.*?) ({clause}(?: {clause})*)", line) for line in lines)
        theirs = self.known((match[1], harness.capability_text(match[2], (1 << 41) - 1)) for match in found)
        self.assertAlike(sets, theirs, self.attribute, "getcap")

    def compare_filecap(self, sets):
        """It shows what is permitted only."""
        lines = self.peer("filecap", self.place).splitlines()[1:]
        found = (re.match(r"\S+ (.*?) {4}(.*?) *$", line) for line in lines)
        theirs = self.known((match[1], harness.mask(*("CAP_" + name.strip().upper() for name in match[2].split(","))))
                            for match in found)
        self.assertAlike({path: permitted for path, (_, permitted, _) in sets.items() if permitted}, theirs,
                         lambda path: (self.attribute(path) or (0, 0, 0))[1] or None, "filecap")


if __name__ == "__main__":
    harness.main(alone=True)
