"""An agent under watch, for the bench, the soak and the tests of bad times: what it costs, its records as they come, and
processes in containers of which it has to tell."""

import json
import os
import re
import shutil
import subprocess
import time

import harness
from agents import Agent

ROLES = ("parent", "auditor", "shipper")
TICKS = os.sysconf("SC_CLK_TCK")


class Watched(Agent):
    """Does not walk the host's own directories: how many files a machine has is no matter of the agent's. `settings`:
    lines of [agent]."""

    def __init__(self, case, settings="", directory=None, state=None, **options):
        directory = directory or case.scratch()
        self.out = f"{directory}/out"
        state = state or f"{directory}/state"
        for path in (directory, self.out, *([state] if state != "memory" else [])):
            os.makedirs(path, exist_ok=True)
            os.chown(path, harness.NOBODY, harness.NOBODY)
        with open(f"{directory}/proctor.conf", "w", encoding="utf-8") as file:
            file.write(f"[agent]\nuser = {harness.NOBODY}\nresolve_after = 0\n{settings}\n[paths]\n")
            file.writelines(f"exclude = /{name}\n" for name in sorted(os.listdir("/")))
        super().__init__(case, "--config", f"{directory}/proctor.conf", directory=directory, state=state,
                         to=f"file://{self.out}/records", **options)
        self.tail = Tail(f"{self.out}/records")

    def wait_full(self, more=1):
        """Until it has looked at everything that many times from now on."""
        before = self.status()["full_passes"]
        self.case.wait_for(lambda: self.status()["full_passes"] >= before + more)

    def by_role(self):
        pids = self.status()["pids"]
        return {role: pids[role] for role in ROLES}


class Tail:
    """A file of records, read on as it grows."""

    def __init__(self, path):
        self.path, self.all, self.offset = path, [], 0

    def read(self):
        """What came since the last time; a line that is not whole yet is left for the next."""
        if not os.path.exists(self.path):
            return []
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            text = file.read()
        whole = text[:text.rfind(b"\n") + 1]
        self.offset += len(whole)
        fresh = [json.loads(line) for line in whole.splitlines()]
        self.all += fresh
        return fresh

    def findings(self):
        """All of findings so far, in order, each once: one that was not known to be out is written again."""
        self.read()
        told = {record["record_id"]: record for record in reversed(self.all) if record["type"] == "finding"}
        return sorted(told.values(), key=lambda record: record["sequence"])


# ---- what it has to tell of --------------------------------------------------------------------------------

def place_program(pid, name):
    """A program of its own name in the root of a container that the process is in: its path there."""
    path = f"/bin/busybox-{name}"
    shutil.copy(f"/proc/{pid}/root/bin/busybox", f"/proc/{pid}/root{path}")
    return path


def cgroup_of(pid):
    """A file by which others join the cgroup of the process, in a tree whose path tells the container."""
    with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
        lines = [line.rstrip("\n").split(":", 2) for line in file]
    for _, controllers, path in lines:
        for tree in (controllers.removeprefix("name="), "unified", "."):
            procs = f"/sys/fs/cgroup/{tree}{path}/cgroup.procs"
            if path != "/" and os.path.exists(procs):
                return procs
    raise SystemExit(f"the cgroup of {pid} is not to be found")


class Intruder:
    """A process with every capability in a container, which others of it have not. Ends with the block."""

    def __init__(self, pid, path):
        enter = ["nsenter", f"--target={pid}", "--mount", "--net", "--ipc", "--uts", path, "cat"]
        self.command = ["sh", "-c", 'echo $$ >"$0" && exec "$@"', cgroup_of(pid), *enter]
        self.path = path

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def is_told(self, record, status="opened"):
        subject = record.get("finding", {}).get("subject", {})
        return record["type"] == "finding" and record["status"] == status and subject.get("executable") == self.path


def seconds_until_told(tail, intruder, patience):
    """From before the process is started; None when nothing is told of it within `patience` seconds."""
    tail.read()
    start = time.monotonic()
    with intruder:
        while not any(intruder.is_told(record) for record in tail.read()):
            if time.monotonic() - start > patience:
                return None
            time.sleep(0.002)
        return time.monotonic() - start


# ---- what processes cost -----------------------------------------------------------------------------------

def cpu_seconds(pid):
    """Of the process and of its children that were waited for."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def memory(pid, part="Pss"):
    """Proportional set size, in KiB; of it `Pss_Anon` is what does not depend on who else runs the same program."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(rf"^{part}: +(\d+)", file.read(), re.M)[1])


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
