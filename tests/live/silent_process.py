"""A program for test_silent_process.py: mounts a FUSE of its own in a user namespace, and a child of it, which
Proctor takes for a container, waits for an answer of it for ever, with locks held that others wait for who read its
/proc/PID. It says `ready PID` then, and
ends with its standard input: the child does with it, as its FUSE does. `later`: it says `waiting PID` first, and the
child begins when a byte comes.

    silent_process.py exec|unmap DIRECTORY [later]

exec:   runs another program, with a file open that is closed thereby; the FLUSH is not answered
        (do_close_on_exec in begin_new_exec, fs/exec.c, holds exec_update_lock)
unmap:  maps another page in the place of one that it wrote to; the WRITE is not answered (fuse_vma_close,
        fs/fuse/file.c, is called with mmap_lock held for writing)"""

import ctypes
import os
import select
import struct
import sys

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x10000000, 0x20000000
MS_BIND, MS_REC = 0x1000, 0x4000
LOOKUP, FORGET, GETATTR, OPEN, READ, WRITE, FLUSH, INIT, BATCH_FORGET = 1, 2, 3, 14, 15, 16, 25, 26, 42
ENOSYS = -38
FILE, SIZE = 2, 4096
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def mount(source, target, kind, options="", flags=0):
    check(LIBC.mount(source.encode(), target.encode(), kind.encode() if kind else None, flags, options.encode()))


def attributes(node):
    mode = 0o100666 if node == FILE else 0o40755
    return struct.pack("<6Q10I", node, SIZE, 8, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def answer(server, silent):
    """One request; true when it is the one that is not answered."""
    request = os.read(server, 1 << 17)
    _, code, unique, node = struct.unpack_from("<IIQQ", request)
    if code == silent:
        return True
    data = {
        INIT: struct.pack("<4I2H2I2H7I", 7, 31, 0, 0, 0, 0, 4096, 1, 0, 0, *[0] * 7),
        LOOKUP: struct.pack("<5QII", FILE, 0, 3600, 3600, 0, 0, 0) [:40] + attributes(FILE),
        GETATTR: struct.pack("<QII", 3600, 0, 0) + attributes(node),
        OPEN: struct.pack("<QII", 1, 0, 0),
        READ: bytes(SIZE),
    }.get(code, b"")
    error = 0 if data or code == FLUSH else ENOSYS
    if code not in (FORGET, BATCH_FORGET):
        os.write(server, struct.pack("<IiQ", 16 + len(data), error, unique) + data)
    return False


def run_another(path):
    os.open(path, os.O_RDWR | os.O_CLOEXEC)
    os.execv("/bin/cat", ["cat"])


def unmap(path):
    """Another mapping takes its place: munmap(2) itself lets readers in before it closes."""
    LIBC.mmap.restype = ctypes.c_void_p
    page = ctypes.c_void_p(LIBC.mmap(None, SIZE, 3, 1, os.open(path, os.O_RDWR), ctypes.c_long(0)))
    ctypes.memset(page, 1, 1)
    LIBC.mmap(page, SIZE, 3, 0x32, -1, ctypes.c_long(0))


def make_root(place):
    """With the programs of the host."""
    for name in ("bin", "lib", "lib64", "usr"):
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{place}/{name}")
        elif os.path.isdir(f"/{name}"):
            os.mkdir(f"{place}/{name}")
            mount(f"/{name}", f"{place}/{name}", None, flags=MS_BIND | MS_REC)


def main(way, place, later=None):
    act, silent = {"exec": (run_another, FLUSH), "unmap": (unmap, WRITE)}[way]
    check(LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID))
    for file, text in (("setgroups", "deny"), ("uid_map", "0 0 1"), ("gid_map", "0 0 1")):
        with open(f"/proc/self/{file}", "w", encoding="ascii") as stream:
            stream.write(text)
    server = os.open("/dev/fuse", os.O_RDWR)
    mount("tmpfs", place, "tmpfs")
    make_root(place)
    os.mkdir(f"{place}/fuse")
    mount("fuse", f"{place}/fuse", "fuse", f"fd={server},rootmode=40000,user_id=0,group_id=0")
    prepared = os.pipe()
    child = os.fork()
    if not child:
        os.close(server)
        check(LIBC.unshare(CLONE_NEWNS))
        os.chroot(place)
        os.chdir("/")
        os.write(prepared[1], b"x")
        if later:
            os.read(0, 1)
        act("/fuse/file")
        os._exit(1)
    os.read(prepared[0], 1)
    if later:
        print("waiting", child, flush=True)
    while not answer(server, silent):
        pass
    print("ready", child, flush=True)
    os.read(0, 1)


main(*sys.argv[1:])
