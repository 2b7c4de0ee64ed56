"""The container image's root, as dist/image.sh makes it, and processes in it by runc."""

import hashlib
import json
import os
import subprocess
import unittest

import containers
import harness

COMMANDS = ("curl-config", "ldconfig", "ldd", "runc", "setcap", "strip", "tar")
USER = 65532
STATE = "/var/lib/proctor"  # what the image's user may write to


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
    config["process"]["env"] = ["PATH=/usr/bin"]
    config["mounts"].append(writable(STATE))
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


class Prepared:
    """A container of it by runc, not started yet."""

    def __init__(self, keeper, root, *arguments, changes=()):
        self.bundle = keeper.scratch()
        self.identity = hashlib.sha256(self.bundle.encode()).hexdigest()
        config = configuration(root, self.identity, *changes)
        config["process"]["args"] = ["/usr/bin/proctor", *arguments]
        with open(f"{self.bundle}/config.json", "w", encoding="utf-8") as file:
            json.dump(config, file)
        self.runc = [harness.find_command("runc"), "--root", f"{self.bundle}/state"]
        self.command = [*self.runc, "run", "--bundle", self.bundle, self.identity]
        self.undo = keeper.undo(self.delete)

    def delete(self):
        """What is left of it, if anything."""
        subprocess.run([*self.runc, "delete", "--force", self.identity], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=harness.TIMEOUT, check=False)


def run(keeper, root, *arguments, changes=()):
    """Runs Proctor in it to its end, and returns what became of it."""
    prepared = Prepared(keeper, root, *arguments, changes=changes)
    result = subprocess.run(prepared.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            timeout=harness.TIMEOUT, check=False)
    prepared.undo()
    return result


class Started(Prepared):
    """Proctor in it, for as long as its keeper lets it run."""

    def __init__(self, keeper, root, *arguments, changes=()):
        super().__init__(keeper, root, *arguments, changes=changes)
        with open(f"{self.bundle}/stdout", "wb") as out, open(f"{self.bundle}/stderr", "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=log)
        keeper.undo(harness.end_daemon, self.process)

    def ended(self):
        return self.process.poll() is not None

    def log(self):
        with open(f"{self.bundle}/stderr", encoding="utf-8", errors="replace") as file:
            return file.read()

    def records(self, kind):
        """Those of a type that it has told until now."""
        with open(f"{self.bundle}/stdout", encoding="utf-8") as file:
            lines = [line for line in file.read().split("\n")[:-1] if line.startswith("{")]
        return [record for record in map(json.loads, lines) if record.get("type") == kind]

    def execute(self, *arguments):
        """Exit status of one more Proctor in the container."""
        return subprocess.run([*self.runc, "exec", self.identity, "/usr/bin/proctor", *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=harness.TIMEOUT, check=False).returncode

    def terminate(self):
        """Asks it to end, as ECS does."""
        subprocess.run([*self.runc, "kill", self.identity, "TERM"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=harness.TIMEOUT, check=False)


def agent_reason():
    """Why the agent cannot be started; None when it can."""
    result = subprocess.run([harness.PROCTOR, "agent", "--help"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, timeout=harness.TIMEOUT, check=False)
    return "this build has no agent" if result.returncode else None


def needs_agent(item):
    return unittest.skipIf(agent_reason(), agent_reason() or "")(item)


# For Proctor as it is deployed: from a file with capabilities sanitizers do not see their options, the agent's filters
# stop calls that they make, and memory is limited.
without_sanitizers = unittest.skipIf(harness.SANITIZED, "sanitizers need more than is given here")


# ---- task definitions ----------------------------------------------------------------------------------

def by_definition(container, mounts):
    """How a container of a task definition is started: what ECS hands to the runtime of it. `mounts`: the place
    of each volume, by its name."""
    def change(config):
        uid, gid = map(int, container["user"].split(":"))
        added = [f"CAP_{name}" for name in container["linuxParameters"]["capabilities"]["add"]]
        config["process"]["user"] = {"uid": uid, "gid": gid}
        config["process"]["capabilities"] = {"bounding": added}
        config["process"]["env"] += [f"{entry['name']}={entry['value']}" for entry in container["environment"]]
        config["process"]["rlimits"] = [
            {"type": f"RLIMIT_{entry['name'].upper()}", "soft": entry["softLimit"], "hard": entry["hardLimit"]}
            for entry in container["ulimits"]]
        config["root"]["readonly"] = container["readonlyRootFilesystem"]
        asked = [*map(tmpfs, container["linuxParameters"].get("tmpfs", ())),
                 *(bind(entry, mounts) for entry in container.get("mountPoints", ()))]
        places = {entry["destination"] for entry in asked}
        config["mounts"] = [entry for entry in containers.standard_mounts() if entry["destination"] not in places] + asked
        config["linux"]["resources"]["memory"] = {"limit": container["memory"] << 20, "swap": container["memory"] << 20}
        config["linux"]["resources"]["cpu"] = {"shares": container["cpu"]}
        del config["linux"]["resources"]["pids"]  # which a task definition has not
    return change


def tmpfs(entry):
    return containers.mount(entry["containerPath"], "tmpfs", options=[*entry["mountOptions"], f"size={entry['size']}m"])


def bind(entry, mounts):
    return containers.bind(mounts[entry["sourceVolume"]], entry["containerPath"], "rprivate",
                           "ro" if entry["readOnly"] else "rw")
