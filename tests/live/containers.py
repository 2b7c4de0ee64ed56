"""Real containers for the live tests: runc and crun bundles of a busybox root, of every kind that the rules
tell apart."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import unittest

import harness

CONTAINER_COMMANDS = ("runc", "busybox")
MASKED = ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
          "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
DENIED = ["acct", "add_key", "bpf", "clock_settime", "delete_module", "finit_module", "init_module",
          "kexec_load", "keyctl", "mount", "move_pages", "open_by_handle_at", "perf_event_open", "pivot_root",
          "ptrace", "reboot", "request_key", "setns", "swapoff", "swapon", "umount2", "unshare",
          "userfaultfd"]


def needs_containers(item):
    """For a class of tests: without runc, busybox or the privilege to start containers it is skipped."""
    return harness.needs_root(harness.needs(*CONTAINER_COMMANDS)(item))


def mount(destination, kind, source=None, options=()):
    return {"destination": destination, "type": kind, "source": source or kind, "options": list(options)}


def bind(source, destination, *options):
    return mount(destination, "none", source, ["rbind", *(options or ("rprivate", "rw"))])


def standard_mounts():
    """Those of a docker container."""
    return [
        mount("/proc", "proc", options=["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", options=["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("/dev/pts", "devpts", options=["nosuid", "noexec", "newinstance", "ptmxmode=0666",
                                             "mode=0620"]),
        mount("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        mount("/dev/mqueue", "mqueue", options=["nosuid", "noexec", "nodev"]),
        mount("/sys", "sysfs", options=["nosuid", "noexec", "nodev", "ro"]),
        mount("/sys/fs/cgroup", "cgroup", options=["ro", "nosuid", "noexec", "nodev"]),
    ]


def default_config(identity):
    """What docker gives when nothing is asked for, but for AppArmor."""
    granted = harness.names(harness.DOCKER_DEFAULT)
    return {
        "ociVersion": "1.0.2",
        "hostname": "container",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "env": ["PATH=/bin"],
            "cwd": "/",
            "capabilities": {name: granted for name in ("bounding", "effective", "permitted")},
            "noNewPrivileges": False,
        },
        "root": {"path": "rootfs", "readonly": False},
        "mounts": standard_mounts(),
        "linux": {
            "cgroupsPath": f"/docker/{identity}",
            "namespaces": [{"type": name} for name in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
            "maskedPaths": list(MASKED),
            "readonlyPaths": list(READ_ONLY),
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "seccomp": {"defaultAction": "SCMP_ACT_ALLOW",
                        "syscalls": [{"names": list(DENIED), "action": "SCMP_ACT_ERRNO"}]},
        },
    }


def grant(config, names, *kinds):
    for kind in kinds or ("bounding", "effective", "permitted"):
        config["process"]["capabilities"][kind] = list(names)


def without_namespace(config, *kinds):
    namespaces = config["linux"]["namespaces"]
    namespaces[:] = [namespace for namespace in namespaces if namespace["type"] not in kinds]


def host_devices():
    """The machine's block devices and a few character devices of it, as docker's --privileged adds them."""
    devices = []
    for name in sorted(os.listdir("/dev")):
        info = os.lstat(f"/dev/{name}")
        if stat.S_ISBLK(info.st_mode) or name in ("kmsg", "mem", "port", "fuse"):
            devices.append({"path": f"/dev/{name}", "type": "b" if stat.S_ISBLK(info.st_mode) else "c",
                            "major": os.major(info.st_rdev), "minor": os.minor(info.st_rdev),
                            "fileMode": stat.S_IMODE(info.st_mode), "uid": 0, "gid": 0})
    return devices


def privileged(config):
    """docker run --privileged: every capability this machine has to give, no seccomp, no mask, devices."""
    grant(config, harness.names(harness.own_sets()["bounding"]))
    del config["linux"]["seccomp"], config["linux"]["maskedPaths"], config["linux"]["readonlyPaths"]
    config["linux"]["resources"]["devices"] = [{"allow": True, "access": "rwm"}]
    config["linux"]["devices"] = host_devices()
    for entry in config["mounts"]:
        entry["options"] = ["rw" if option == "ro" else option for option in entry["options"]]


def hardened(config):
    """Everything that the rules ask for."""
    config["process"]["user"] = {"uid": 10001, "gid": 10001}
    config["process"]["capabilities"] = {name: [] for name in (
        "bounding", "effective", "permitted", "inheritable", "ambient")}
    config["process"]["noNewPrivileges"] = True
    config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}]
    config["root"]["readonly"] = True
    config["linux"]["resources"].update({
        "memory": {"limit": 64 << 20, "swap": 64 << 20},
        "cpu": {"quota": 50000, "period": 100000, "shares": 512},
        "pids": {"limit": 64},
    })


def user_namespace(config):
    """Root inside is 100000 outside."""
    config["linux"]["namespaces"].append({"type": "user"})
    for name in ("uidMappings", "gidMappings"):
        config["linux"][name] = [{"containerID": 0, "hostID": 100000, "size": 65536}]


def make_root(path, *executables):
    """A root file system of a static busybox, which lies at the executables too."""
    for name in ("bin", "dev", "etc", "home", "mnt", "proc", "run", "sys", "tmp", "var"):
        os.makedirs(f"{path}/{name}", exist_ok=True)
    os.chmod(f"{path}/tmp", 0o1777)
    shutil.copy(harness.find_command("busybox"), f"{path}/bin/busybox")
    os.chmod(f"{path}/bin/busybox", 0o755)
    for name in ("cat", "sh", "sleep"):
        os.symlink("busybox", f"{path}/bin/{name}")
    for executable in executables:
        os.makedirs(os.path.dirname(path + executable))
        os.link(f"{path}/bin/busybox", path + executable)
    for name, text in (("passwd", "root:x:0:0:root:/:/bin/sh\napp:x:10001:10001:app:/:/bin/sh\n"),
                       ("group", "root:x:0:\napp:x:10001:\n")):
        with open(f"{path}/etc/{name}", "w", encoding="ascii") as file:
            file.write(text)


def libraries_of(path):
    """The libraries that a program or a library is linked with."""
    told = subprocess.run(["ldd", path], stdout=subprocess.PIPE, check=False).stdout.decode()
    return [word for word in told.split() if word.startswith("/")]


def add_proctor(root, *libraries):
    """Proctor, the helper and what they need, in a container's root, and libraries besides."""
    programs = (harness.PROCTOR, harness.HELPER)
    for program in programs:
        shutil.copy(program, f"{root}/bin/{os.path.basename(program)}")
    for path in {*libraries, *(path for item in (*programs, *libraries) for path in libraries_of(item))}:
        os.makedirs(root + os.path.dirname(path), exist_ok=True)
        shutil.copy(path, root + path)


def cgroup2_only(command):
    """A command that sees a cgroup v2 tree only: for crun, which does not do with a hybrid one."""
    if not os.path.isdir("/sys/fs/cgroup/unified"):
        return command
    script = "mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec \"$@\""
    return ["unshare", "--mount", "sh", "-c", script, "sh", *command]


class Container:
    """A running container; `pid` is its first process.

    Its executable has its name and that of the test run in its path: containers without a name and an image
    are told apart by it."""

    def __init__(self, keeper, name, *changes, runtime="runc", prepare=None, state=None,
                 wrap=None):
        self.name, self.keeper = name, keeper
        self.id = hashlib.sha256(f"{os.getpid()} {name} {id(self)}".encode()).hexdigest()
        self.bundle = keeper.scratch()
        self.root, self.state = f"{self.bundle}/rootfs", state or f"{self.bundle}/state"
        self.executable = f"/srv/{name}-{os.getpid()}/busybox"
        self.command = [harness.find_command(runtime), "--root", self.state]
        if runtime == "crun":
            self.command = cgroup2_only([*self.command, "--cgroup-manager=disabled"])
        if wrap:
            self.command = [*wrap(self.id), *self.command]
        make_root(self.root, self.executable)
        if prepare:
            prepare(self.root)
        self.config = default_config(self.id)
        self.config["process"]["args"] = [self.executable, "cat"]
        if runtime == "crun":
            del self.config["linux"]["resources"], self.config["linux"]["cgroupsPath"]
        for change in changes:
            change(self.config)
        with open(f"{self.bundle}/config.json", "w", encoding="utf-8") as file:
            json.dump(self.config, file)
        self.start()

    def start(self):
        """Its process reads a pipe of this program: it ends with it, whatever comes."""
        log, pid_file = f"{self.bundle}/log", f"{self.bundle}/pid"
        stdin, pipe = os.pipe()
        self.ends = [self.keeper.undo(os.close, pipe), self.keeper.undo(self.delete)]
        with open(log, "wb") as file:
            code = subprocess.run([*self.command, "run", "--detach", "--bundle", self.bundle, "--pid-file",
                                   pid_file, self.id], stdin=stdin, stdout=file, stderr=file,
                                  timeout=harness.TIMEOUT, check=False).returncode
        os.close(stdin)
        if code:
            with open(log, encoding="utf-8", errors="replace") as file:
                raise unittest.SkipTest(f"cannot start {self.name} here: {file.read().strip()}")
        with open(pid_file, encoding="ascii") as file:
            self.pid = int(file.read())

    def delete(self):
        subprocess.run([*self.command, "delete", "--force", self.id], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=harness.TIMEOUT, check=False)

    def stop(self):
        for end in reversed(self.ends):
            end()

    def restart(self):
        """The same container once more: another process, the same identity."""
        self.stop()
        self.start()

    def execute(self, *options, argv=None):
        """`runc exec`: one more process in the container, which hangs on a pipe as well. Returns its pid."""
        pid_file = f"{self.bundle}/exec-pid"
        stdin, pipe = os.pipe()
        self.keeper.undo(os.close, pipe)
        subprocess.run([*self.command, "exec", "--detach", "--pid-file", pid_file, *options, self.id,
                        *(argv or [self.executable, "cat"])], stdin=stdin, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=harness.TIMEOUT, check=True)
        os.close(stdin)
        with open(pid_file, encoding="ascii") as file:
            return int(file.read())
