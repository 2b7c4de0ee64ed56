"""The container image's root, as dist/image.sh makes it, and processes in it by runc."""

import json
import os
import subprocess
import unittest

import containers
import harness

COMMANDS = ("ldconfig", "ldd", "runc", "setcap", "strip", "tar")
USER = 65532
CONTROL, STATE = "/run/proctor", "/var/lib/proctor"  # what the image's user may write to


def make(keeper, name="root"):
    """Makes it in a scratch directory and returns its path: a tree, or an archive by a name in .tar."""
    target = f"{keeper.scratch()}/{name}"
    result = subprocess.run([harness.SOURCE / "dist/image.sh", os.path.dirname(harness.PROCTOR), target],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=harness.TIMEOUT, check=False)
    if result.returncode:
        raise AssertionError(f"dist/image.sh: {result.stdout.decode(errors='replace')}")
    return target


def files(root):
    """Every file, directory and link of a tree, with type and mode, owner and capabilities."""
    found = {}
    for directory, below, names in os.walk(root):
        for path in (os.path.join(directory, name) for name in (*below, *names)):
            info = os.lstat(path)
            attributes = {name: os.getxattr(path, name) for name in os.listxattr(path, follow_symlinks=False)
                          if name == "security.capability"} if not os.path.islink(path) else {}
            found[path.removeprefix(root)] = (info.st_mode, info.st_uid, info.st_gid, attributes)
    return found


def configuration(root, identity, *changes):
    """How runc starts a process in it: the user of the image, a read-only root, no capability, limits, and
    what it writes on a tmpfs of its own."""
    config = containers.default_config(identity)
    containers.hardened(config)
    config["root"] = {"path": root, "readonly": True}
    config["process"].update(user={"uid": USER, "gid": USER}, args=["/usr/bin/proctor", "--version"],
                             noNewPrivileges=False)
    config["process"]["env"] = ["PATH=/usr/bin", "ASAN_OPTIONS=detect_leaks=0"]
    config["mounts"] += [writable(CONTROL), writable(STATE)]
    for change in changes:
        change(config)
    return config


def writable(path):
    return containers.mount(path, "tmpfs", options=[f"uid={USER}", f"gid={USER}", "mode=0750", "nosuid", "nodev",
                                                    "noexec", "size=16m"])


def grant(*names):
    """What a container is granted as one that is not root: execve(2) takes the rest from the file."""
    def change(config):
        config["process"]["capabilities"]["bounding"] = [f"CAP_{name}" for name in names]
    return change


def beside(pid):
    """In the pid namespace of a process, as in a task whose containers share one."""
    def change(config):
        containers.without_namespace(config, "pid")
        config["linux"]["namespaces"].append({"type": "pid", "path": f"/proc/{pid}/ns/pid"})
    return change


def delete(command, identity):
    """What is left of a container, if anything."""
    subprocess.run([*command, "delete", "--force", identity], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   timeout=harness.TIMEOUT, check=False)


def run(keeper, root, *arguments, changes=()):
    """Runs Proctor in it by runc, and returns what became of it."""
    bundle = keeper.scratch()
    identity = f"proctor-image-{os.path.basename(bundle)}"
    config = configuration(root, identity, *changes)
    config["process"]["args"] = ["/usr/bin/proctor", *arguments]
    with open(f"{bundle}/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file)
    command = [harness.find_command("runc"), "--root", f"{bundle}/state"]
    undo = keeper.undo(delete, command, identity)
    result = subprocess.run([*command, "run", "--bundle", bundle, identity], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=harness.TIMEOUT, check=False)
    undo()
    return result


def agent_reason():
    """Why the agent cannot be started; None when it can."""
    result = subprocess.run([harness.PROCTOR, "agent", "--help"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, timeout=harness.TIMEOUT, check=False)
    return "this build has no agent" if result.returncode else None


def needs_agent(item):
    return unittest.skipIf(agent_reason(), agent_reason() or "")(item)
