"""A long queue: the agent's memory behind a receiver that is down, and while all of it is delivered. One part of
tests/bench/run."""

import os
import subprocess
import time

from load import mebibytes, row
from receivers import Nginx, make_authority
from sinks import BATCH, FLOW

import harness
from agents import Agent
from measured import ROLES, memory

BEHIND = int(os.environ.get("PROCTOR_BENCH_BEHIND", "1000000"))
DOWN = int(os.environ.get("PROCTOR_BENCH_DOWN_SECONDS", "60"))
SETTINGS = "[agent]\nuser = {user}\ninterval = 30\nqueue_bytes = 1TiB\nqueue_age = 366d\n[paths]\nexclude = /[!b]*\n"


def make_agent(case, url):
    """One that finds so many records in its queue."""
    directory = case.scratch()
    state, config = f"{directory}/state", f"{directory}/proctor.conf"
    os.mkdir(state)
    subprocess.run([FLOW, state, str(BEHIND), str(BATCH), url, "queue"], check=True)
    for path in (state, *(entry.path for entry in os.scandir(state))):
        os.chown(path, harness.NOBODY, harness.NOBODY)
    with open(config, "w", encoding="utf-8") as file:
        file.write(SETTINGS.format(user=harness.NOBODY))
    return Agent(case, "--config", config, directory=directory, state=state, to=f"{url}&batch={BATCH}")


class Samples:
    """The agent's memory from time to time: the most of all its processes together, and of each then."""

    def __init__(self, agent):
        self.agent, self.most = agent, {role: 0 for role in ROLES}

    def waiting(self):
        """Takes one; how much waits then."""
        status = self.agent.status()
        sizes = {role: memory(status["pids"][role]) for role in ROLES}
        if sum(sizes.values()) > sum(self.most.values()):
            self.most = sizes
        return status["queue"][0]["waiting"]

    def row(self, what):
        row(what, mebibytes(sum(self.most.values())), "24.0 MiB",
            "  " + ", ".join(f"{role} {mebibytes(size)}" for role, size in self.most.items()))


def watch_down(agent):
    samples, end = Samples(agent), time.monotonic() + DOWN
    while time.monotonic() < end:
        waiting = samples.waiting()
        time.sleep(1)
    samples.row(f"memory (PSS) of the three, {waiting} records behind")


def watch_draining(agent):
    """From the first batch that gets through: it may have waited for a minute to try again."""
    samples, waiting = Samples(agent), None
    first, start = samples.waiting(), time.monotonic()
    while waiting != 0:
        time.sleep(0.5)
        waiting = samples.waiting()
        if waiting >= first:
            first, start = waiting, time.monotonic()
    row("delivered by https, from the queue", f"{first / (time.monotonic() - start):.0f}/s", "5000/s")
    samples.row("memory (PSS) of the three meanwhile")


def bench_behind():
    print(f"\nA long queue: {BEHIND} records behind an https receiver that is down, then not any more")
    row("", "", "target", "  of which")
    case = harness.Case()
    try:
        authority, server = make_authority(case)
        nginx = Nginx(case, server)
        agent = make_agent(case, f"https://localhost:{nginx.port}/records#ca_file={authority.certificate}")
        case.wait_for(lambda: agent.status()["full_passes"] > 0)
        watch_down(agent)
        nginx.start()
        watch_draining(agent)
        row("exit status after SIGTERM", str(agent.stop()), "0")
    finally:
        case.doCleanups()
