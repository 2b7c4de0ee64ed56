"""A program for test_silent_overlay.py: in a user namespace it mounts an overlay over a FUSE of its own, hides
the FUSE, changes its root to a directory that holds the overlay at /o and /dev, and stops answering. It says
`ready` then, and ends with its standard input.

    silent_overlay.py DIRECTORY"""

import ctypes
import os
import select
import struct
import sys

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x10000000, 0x20000000
MS_BIND, MS_REC, MNT_DETACH = 0x1000, 0x4000, 2
FORGET, BATCH_FORGET = 2, 42
LOOKUP, GETATTR, STATFS, GETXATTR, LISTXATTR, INIT, OPENDIR, READDIR, RELEASEDIR = 1, 3, 17, 22, 23, 26, 27, 28, 29
ENOENT, ENOSYS, ENODATA = -2, -38, -61
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def mount(source, target, kind, options="", flags=0):
    check(LIBC.mount(source.encode(), target.encode(), kind.encode() if kind else None, flags, options.encode()))


def answer(server):
    """One request, by an empty directory."""
    request = os.read(server, 1 << 17)
    _, code, unique, node = struct.unpack_from("<IIQQ", request)
    attributes = struct.pack("<6Q10I", node, 0, 0, 0, 0, 0, 0, 0, 0, 0o40755, 2, 0, 0, 0, 4096, 0)
    data = {
        INIT: struct.pack("<4I2H2I2H7I", 7, 31, 0, 0, 0, 0, 4096, 1, 0, 0, *[0] * 7),
        GETATTR: struct.pack("<QII", 0, 0, 0) + attributes,
        OPENDIR: struct.pack("<QII", 1, 0, 0),
        STATFS: struct.pack("<5Q10I", 0, 0, 0, 0, 0, 4096, 255, *[0] * 8),
    }.get(code, b"")
    error = {LOOKUP: ENOENT, GETXATTR: ENODATA, LISTXATTR: ENODATA}.get(code, 0)
    if code not in (INIT, LOOKUP, GETATTR, STATFS, GETXATTR, LISTXATTR, OPENDIR, READDIR, RELEASEDIR):
        error = ENOSYS
    if code not in (FORGET, BATCH_FORGET):
        os.write(server, struct.pack("<IiQ", 16 + len(data), error, unique) + data)


def serve(server, done):
    """Until the overlay is there, which the pipe's end tells."""
    while done not in select.select([server, done], [], [])[0]:
        answer(server)


def enter(place):
    """In a mount namespace of its own, with the overlay over the FUSE."""
    mount("overlay", f"{place}/root/o", "overlay",
          f"lowerdir={place}/fuse,upperdir={place}/upper,workdir={place}/work")
    mount(f"{place}/root/o", f"{place}/root/dev", None, flags=MS_BIND)
    check(LIBC.umount2(f"{place}/fuse".encode(), MNT_DETACH))
    mount(f"{place}/root", f"{place}/root", None, flags=MS_BIND | MS_REC)
    check(LIBC.unshare(CLONE_NEWNS))
    os.chroot(f"{place}/root")
    os.chdir("/")


def main(place):
    check(LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID))
    for file, text in (("setgroups", "deny"), ("uid_map", "0 0 1"), ("gid_map", "0 0 1")):
        with open(f"/proc/self/{file}", "w", encoding="ascii") as stream:
            stream.write(text)
    server = os.open("/dev/fuse", os.O_RDWR)
    mount("tmpfs", place, "tmpfs")
    for name in ("fuse", "upper", "work", "root", "root/o", "root/dev"):
        os.mkdir(f"{place}/{name}")
    mount("fuse", f"{place}/fuse", "fuse", f"fd={server},rootmode=40000,user_id=0,group_id=0,allow_other")
    done, ready = os.pipe()
    if not os.fork():
        enter(place)
        os.close(ready)
        os.read(0, 1)
        os._exit(0)
    os.close(ready)
    serve(server, done)
    print("ready", flush=True)
    os.read(0, 1)


main(sys.argv[1])
