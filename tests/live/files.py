"""What the live tests of files share."""

import ctypes
import os
import struct

import harness

CAPABILITY = "security.capability"


def attribute(permitted=0, inheritable=0, effective=False, root_id=None, version=2):
    """The value of security.capability (linux/capability.h)."""
    if root_id is not None:
        version = 3
    words = [version << 24 | effective, permitted & 0xffffffff, inheritable & 0xffffffff]
    if version > 1:
        words += [permitted >> 32, inheritable >> 32]
    if version == 3:
        words.append(root_id)
    return struct.pack(f"<{len(words)}I", *words)


def make(path, mode=0o644, capability=None):
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    os.chmod(path, mode)
    if capability is not None:
        os.setxattr(path, CAPABILITY, capability)
    return path


class FilesCase(harness.Case):
    def files(self, *arguments, **options):
        """The records of `proctor files` by path, and the filesystem's coverage."""
        document = self.document("files", *arguments, **options)
        places = [(file.get("container_id"), file["path"]) for file in document["files"]]
        self.assertEqual(len(places), len(set(places)), "each path once")
        coverage = next(entry for entry in document["coverage"] if entry["collector"] == "filesystem")
        # The host's come last in the document: they stand for themselves, whatever containers run here.
        return {file["path"]: file for file in document["files"]}, coverage

    def assertReason(self, coverage, words, example=None, count=None):
        for reason in coverage["reasons"]:
            if words in reason["reason"]:
                if example:
                    self.assertEqual(reason.get("example"), example)
                if count:
                    self.assertEqual(reason["count"], count)
                return reason
        self.fail(f"no reason has {words!r}: {coverage['reasons']}")


# ---- mounts of the tests' own ----------------------------------------------------------------------------

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, MS_PRIVATE, MS_REC, MNT_DETACH = 0x20000, 1 << 18, 1 << 14, 2


def check(result, what):
    if result:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def own_mounts():
    """Puts this program into a mount namespace of its own: nothing it mounts is in anyone's way."""
    check(LIBC.unshare(CLONE_NEWNS), "unshare")
    check(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount / private")


class MountCase(FilesCase):
    def setUp(self):
        if os.readlink("/proc/self/ns/mnt") == MountCase.first_mounts:
            own_mounts()

    first_mounts = os.readlink("/proc/self/ns/mnt")

    def tmpfs(self, *options):
        """A file system of this test's own."""
        place = self.scratch()
        self.mount("tmpfs", "tmpfs", place, *options)
        return place

    def mount(self, kind, source, point, *options):
        words = ["mount", *(["-t", kind] if kind else []), *(["-o", ",".join(options)] if options else []),
                 source, point]
        result = self.run_command(*words)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.undo(self.unmount, point)

    @staticmethod
    def unmount(point):
        LIBC.umount2(os.fsencode(point), MNT_DETACH)
