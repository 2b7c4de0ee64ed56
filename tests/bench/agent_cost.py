"""What the agent costs, and how soon it tells: one part of tests/bench/run."""

import os
import random
import statistics
import subprocess
import time

from load import CONTAINERS, SLEEPERS, Containers, Sleepers, mebibytes, row

import harness
from measured import Intruder, Watched, cpu_seconds, memory, place_program, seconds_until_told

SECONDS = int(os.environ.get("PROCTOR_BENCH_AGENT_SECONDS", "60"))
SAMPLES = int(os.environ.get("PROCTOR_BENCH_SAMPLES", "100"))
EXECS = 200    # a second, beside
SETTLED = 15   # seconds after the first audit: what changed just before it is looked at again
PATIENCE = 60


class Execs:
    """Programs that start and end at once, so many a second, beside."""

    def __init__(self, rate):
        self.rate = rate

    def __enter__(self):
        self.process = subprocess.Popen([harness.HELPER, "execs", str(self.rate)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.process.stdout.readline()
        self.started = time.monotonic()
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.told = int(self.process.stdout.read()) / (time.monotonic() - self.started)
        self.process.wait()


def parts(by_role, form):
    return "  " + ", ".join(f"{role} {form(part)}" for role, part in by_role.items())


def bench_steady(agent, what):
    pids, before = agent.by_role(), agent.status()
    used, start = {role: cpu_seconds(pid) for role, pid in pids.items()}, time.monotonic()
    time.sleep(SECONDS)
    used = {role: cpu_seconds(pid) - used[role] for role, pid in pids.items()}
    wall, after = time.monotonic() - start, agent.status()
    full, all_passes = (after[name] - before[name] for name in ("full_passes", "passes"))
    row(f"cpu time of {wall:.0f} s, {what}", f"{sum(used.values()) / wall:.2%}", "1.00%",
        parts(used, lambda seconds: f"{seconds / wall:.2%}"))
    row("  audits in that time", str(all_passes), "", f"  of everything: {full}")


def bench_memory(agent):
    sizes = {role: memory(pid) for role, pid in agent.by_role().items()}
    row("memory (PSS) of the three", mebibytes(sum(sizes.values())), "24.0 MiB", parts(sizes, mebibytes))


def bench_latency(agent, containers):
    pids = containers.pids
    intruders = [Intruder(pids[number % len(pids)], place_program(pids[number % len(pids)], number))
                 for number in range(SAMPLES)]
    times = []
    time.sleep(SETTLED)
    with Execs(EXECS) as execs:
        for intruder in intruders:
            time.sleep(random.random())  # not in step with what the agent does at intervals
            times.append(seconds_until_told(agent.tail, intruder, PATIENCE))
            if times[-1] is None:
                raise SystemExit(f"nothing was told of {intruder.path} within {PATIENCE} s")
    times.sort()
    row(f"exec to record, {execs.told:.0f} execs/s beside, median", f"{statistics.median(times):.2f} s")
    row(f"  p99 of {len(times)}", f"{times[int(0.99 * (len(times) - 1))]:.2f} s", "2.00 s",
        f"  longest {times[-1]:.2f} s")


def bench_agent():
    print(f"\nAgent: {SLEEPERS} sleeping processes, {CONTAINERS} containers, the host's own directories left out")
    row("", "", "target", "  of which")
    case = harness.Case()
    with Sleepers(SLEEPERS), Containers(CONTAINERS) as containers:
        try:
            agent = Watched(case)
            case.wait_for(lambda: agent.status()["full_passes"] > 0)
            time.sleep(SETTLED)
            bench_steady(agent, "nothing else happens")
            bench_memory(agent)
            bench_latency(agent, containers)
            with Execs(EXECS):
                bench_steady(agent, f"{EXECS} execs/s beside")
            bench_memory(agent)
            row("exit status after SIGTERM", str(agent.stop()), "0")
        finally:
            case.doCleanups()
