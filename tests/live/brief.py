"""Containers that are no more than a root, a mount and a pid namespace and a cgroup: they ask for one capability,
CAP_SYS_CHROOT, once, and end. Thousands of them take minutes."""

import contextlib
import os
import shutil
import subprocess

import harness

UNIFIED = "/sys/fs/cgroup/unified" if os.path.isdir("/sys/fs/cgroup/unified") else "/sys/fs/cgroup"
AT_ONCE = 50


def make_root(case):
    root = case.scratch()
    shutil.copy(harness.find_command("busybox"), f"{root}/busybox")
    return root


def begin(root, identity, seconds=0):
    path = f"{UNIFIED}/docker/{identity}"
    os.makedirs(path, exist_ok=True)
    script = f"echo $$ >{path}/cgroup.procs && exec unshare --mount --pid --fork chroot {root} /busybox sleep {seconds}"
    return subprocess.Popen(["sh", "-c", script])


def end(process, identity):
    """Waits for its end."""
    if process.wait(timeout=harness.TIMEOUT):
        raise AssertionError(f"the container failed: {process.returncode}")
    with contextlib.suppress(OSError):
        os.rmdir(f"{UNIFIED}/docker/{identity}")


def run_all(root, ids, seconds):
    """Some at once, each for that long."""
    for first in range(0, len(ids), AT_ONCE):
        for process, identity in [(begin(root, identity, seconds), identity) for identity in ids[first:first + AT_ONCE]]:
            end(process, identity)
