"""Bad times for the agent: kills, full disks, clocks that jump, storms, nothing left to open a file with.

    AGENT_KILLS=200 AGENT_CONTAINERS=5000 AGENT_FILES=100000 python3 tests/live/test_agent_times.py

runs them at full length; without, a few of each."""

import json
import mmap
import os
import random
import resource
import shutil
import signal
import sqlite3
import struct
import subprocess
import time

import harness
from containers import Container, needs_containers
from measured import ROLES, Intruder, Watched, memory, place_program

KILLS = int(os.environ.get("AGENT_KILLS", "6"))
CONTAINERS = int(os.environ.get("AGENT_CONTAINERS", "10"))
FILES = int(os.environ.get("AGENT_FILES", "3000"))
CLOCK = os.path.abspath(os.environ.get("CLOCK", "tests/live/clock.so"))
YEAR = 365 * 86400


class TimesCase(harness.Case):
    """`container`: one in which something can happen that an agent has to tell of."""

    @classmethod
    def setUpClass(cls):
        cls.container = Container(harness.ClassKeeper(cls), "times")
        cls.count = 0

    def agent(self, **options):
        agent = Watched(self, **options)
        self.wait_for(lambda: self.looked(agent))
        return agent

    @staticmethod
    def looked(agent):
        """Whether it answers and has looked at everything."""
        try:
            return agent.status(status=None)["full_passes"] > 0
        except (KeyError, ValueError):
            return False

    def intruder(self):
        """One that has not been there before."""
        type(self).count += 1
        return Intruder(self.container.pid, place_program(self.container.pid, self.count))

    def assertTells(self, agent):
        """A new process with more privilege is told of."""
        with self.intruder() as intruder:
            self.wait_for(lambda: any(intruder.is_told(record) for record in agent.tail.findings()))
        return intruder

    def assertResolves(self, agent, intruder):
        self.wait_for(lambda: any(intruder.is_told(record, "resolved") for record in agent.tail.findings()))

    def assertHistory(self, records):
        """What was told is a story: nothing opens twice, or changes or ends before it opened. The ids of what is
        open now."""
        now = {}
        for record in records:
            identity, status = record["finding"]["id"], record["status"]
            was = now.get(identity, "resolved")
            if status in ("resolved", "changed"):
                self.assertNotEqual(was, "resolved", f"{status}, but not open: {record}")
            else:
                self.assertNotEqual(was, status, f"{status} twice: {record}")
            now[identity] = was if status == "changed" else status
        return {identity for identity, status in now.items() if status == "opened"}

    def told_open(self, agent):
        """The ids of what the agent's memory has as open."""
        result = self.proctor("findings", "--state", agent.state, "--status", "open", "--format", "json")
        return {record["finding"]["id"] for record in json.loads(result.stdout)["findings"]}


@needs_containers
class Kills(TimesCase):
    def kill_one(self, agent, role):
        """At any moment; until its parent has started it again, or, of the parent, the others have ended."""
        pids = agent.by_role()
        time.sleep(random.random() / 2)
        os.kill(pids[role], signal.SIGKILL)
        if role == "parent":
            self.wait_ended(agent, pids)
        else:
            self.wait_for(lambda: self.is_back(agent, role, pids[role]))

    def wait_ended(self, agent, pids):
        """With the parent the others end by themselves."""
        agent.process.wait()
        self.wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids.values()))

    def is_back(self, agent, role, pid):
        try:
            return agent.status(status=None)["pids"][role] != pid and self.looked(agent)
        except (KeyError, ValueError):
            return False

    def test_killed_at_any_time(self):
        """Whichever of the three is killed, when: nothing opens twice, nothing is lost, the state is whole."""
        directory, told = self.scratch(), set()
        for number in range(KILLS):
            agent = self.agent(directory=directory)
            with self.intruder() as intruder:
                self.kill_one(agent, ROLES[number % len(ROLES)])
                if agent.process.poll() is not None:
                    agent = self.agent(directory=directory)
                self.wait_for(lambda: any(intruder.is_told(record) for record in agent.tail.findings()))
            told.add(intruder.path)
            pids = agent.by_role()
            agent.process.send_signal(random.choice((signal.SIGKILL, signal.SIGTERM)))
            self.wait_ended(agent, pids)
        agent = self.agent(directory=directory)
        for path in told:
            self.wait_for(lambda: self.last_of(agent, path) == "resolved")
        self.assertEqual(agent.stop(), 0)
        records = agent.tail.findings()
        self.assertEqual(len({record["sequence"] for record in records}), len(records))
        self.assertEqual(self.assertHistory(records), self.told_open(agent))
        with sqlite3.connect(f"file:{agent.state}/proctor.db?mode=ro", uri=True) as database:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchone(), ("ok",))

    def last_of(self, agent, path):
        """The last that was told of a program."""
        told = [record["status"] for record in agent.tail.findings()
                if record["finding"]["subject"].get("executable") == path]
        return told[-1] if told else None


@needs_containers
class State(TimesCase):
    def test_the_disk_is_full(self):
        """It goes on in memory, and keeps what it knows on disk again when there is room."""
        directory = self.scratch()
        state = f"{directory}/state"
        os.mkdir(state)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=4m,mode=700,uid={harness.NOBODY}", "tmpfs", state],
                       check=True)
        agent = self.agent(directory=directory)
        self.fill(f"{state}/filler")
        first = self.assertTells(agent)
        self.wait_for(lambda: agent.status()["degraded"])
        os.unlink(f"{state}/filler")
        second = self.assertTells(agent)
        self.wait_for(lambda: not agent.status()["degraded"])
        for intruder in (first, second):
            self.assertResolves(agent, intruder)
        self.assertEqual(agent.stop(), 0)
        self.assertEqual(self.assertHistory(agent.tail.findings()), self.told_open(agent))

    @staticmethod
    def fill(path):
        with open(path, "wb", buffering=0) as file:
            for size in (1 << 16, 1 << 12):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass

    def test_the_state_is_removed_under_it(self):
        agent = self.agent()
        for name in os.listdir(agent.state):
            if name.startswith("proctor.db"):
                os.unlink(f"{agent.state}/{name}")
        self.assertResolves(agent, self.assertTells(agent))
        self.assertEqual(agent.stop(), 0)
        again = self.agent(directory=agent.directory)
        self.assertTells(again)
        self.assertEqual(again.stop(), 0)

    def test_the_clock_jumps(self):
        """A year on, and two back: events, audits and records go on, in the order of their sequence."""
        if harness.SANITIZED:
            self.skipTest("a sanitizer has to be loaded before the clock")
        if not os.path.exists(CLOCK):
            self.skipTest(f"CLOCK: there is no {CLOCK}")
        path = f"{self.scratch()}/offset"
        with open(path, "w+b") as file:
            file.truncate(8)
            offset = mmap.mmap(file.fileno(), 8)
            self.undo(offset.close)
        agent = self.agent(settings="interval = 10", environment={"LD_PRELOAD": CLOCK, "CLOCK_OFFSET": path})
        for years in (1, -1, 0):
            offset[:] = struct.pack("q", years * YEAR)
            self.assertResolves(agent, self.assertTells(agent))
            self.wait_for(lambda: time.gmtime().tm_year + years in self.years_of_heartbeats(agent))
        records = agent.tail.all
        self.assertEqual(sorted(records, key=lambda record: record["sequence"]), records)
        self.assertEqual(self.years_of_heartbeats(agent), {time.gmtime().tm_year + years for years in (-1, 0, 1)})
        self.assertEqual(agent.stop(), 0)
        self.assertEqual(self.assertHistory(agent.tail.findings()), self.told_open(agent))

    @staticmethod
    def years_of_heartbeats(agent):
        agent.tail.read()
        return {int(record["time"][:4]) for record in agent.tail.all if record["type"] == "heartbeat"}


@needs_containers
class ContainersTold:
    """Of which containers findings were told, and are open still, read on as records come."""

    def __init__(self, tail):
        self.tail, self.opened, self.last = tail, set(), {}

    def read(self):
        for record in self.tail.read():
            if record["type"] != "finding":
                continue
            if record["status"] == "opened":
                self.opened |= self.containers_of(record)
            identity = record["finding"]["id"]
            if record["sequence"] >= self.last.get(identity, record)["sequence"]:  # one may be written again
                self.last[identity] = record
        return self

    def open(self):
        return set().union(*(self.containers_of(record) for record in self.last.values()
                             if record["status"] != "resolved"))

    @staticmethod
    def containers_of(record):
        finding = record["finding"]
        return {finding.get("container_id"), *finding.get("container_ids", ())} - {None}


class Storms(TimesCase):
    def test_containers_come_and_go(self):
        """What was told of those that have gone is resolved. What comes with most of them would count as flapping."""
        agent, gone = self.agent(settings="interval = 20\nflap_window = 0"), set()
        told = ContainersTold(agent.tail)
        for number in range(CONTAINERS):
            container = Container(self, f"churn-{number}")
            gone.add(container.id)
            if number % 5 == 0:  # the others come and go faster than anyone can look
                self.wait_for(lambda: container.id in told.read().opened)
            container.stop()
        opened = told.read().opened & gone
        self.assertTrue(opened)
        self.wait_for(lambda: not told.read().open() & gone)
        self.assertTells(agent)
        self.comment(f"{CONTAINERS} containers, told of {len(opened)}, auditor {memory(agent.by_role()['auditor'])} KiB")
        self.assertEqual(agent.stop(), 0)

    def test_a_container_makes_setuid_files(self):
        """However many a container makes, what others do is told, and no memory is eaten up."""
        agent = self.agent(settings="interval = 10")
        maker = Container(self, "maker")
        place = f"/proc/{maker.pid}/root/tmp"
        shutil.copy(f"/proc/{maker.pid}/root/bin/busybox", f"{place}/0")
        os.chmod(f"{place}/0", 0o4755)
        for number in range(1, FILES):
            if not number % 30000:  # of one file ext4 takes 65,000 names
                shutil.copy(f"{place}/0", f"{place}/of-{number}")
                os.chmod(f"{place}/of-{number}", 0o4755)
            os.link(f"{place}/{f'of-{number // 30000 * 30000}' if number >= 30000 else 0}", f"{place}/{number}")
        agent.wait_full(2)
        self.assertTells(agent)
        sizes = {role: memory(pid) for role, pid in agent.by_role().items()}
        self.comment(f"{FILES} setuid files: {sizes}")
        if not harness.SANITIZED:  # which keeps what is freed
            self.assertLess(sum(sizes.values()), 256 * 1024)
        self.assertEqual(agent.status()["restarts"], 0)
        self.assertEqual(agent.stop(), 0)

    def test_cgroups_and_mounts_come_and_go(self):
        agent, place = self.agent(), self.scratch()
        for name in ("mount", "on"):
            os.mkdir(f"{place}/{name}")
        script = 'while [ -e "$1/on" ]; do mkdir "$0"; rmdir "$0"; mount -t tmpfs none "$1/mount"; ' \
                 'umount --lazy "$1/mount"; done'
        storm = subprocess.Popen(["sh", "-c", script, f"{self.cgroup_place()}/proctor-storm-{os.getpid()}", place],
                                 stdin=subprocess.DEVNULL)
        end = self.undo(self.end_storm, storm, f"{place}/on")
        for _ in range(3):
            self.assertResolves(agent, self.assertTells(agent))
        end()
        self.assertEqual(storm.returncode, 0)
        self.assertEqual(agent.status()["restarts"], 0)
        self.assertEqual(agent.stop(), 0)

    @staticmethod
    def cgroup_place():
        unified = "/sys/fs/cgroup/unified"
        return unified if os.path.isdir(unified) else "/sys/fs/cgroup"

    @staticmethod
    def end_storm(storm, sign):
        """It puts away what it made last, and ends."""
        os.rmdir(sign)
        storm.wait()

    def test_ten_thousand_forks(self):
        """A burst is coalesced, and what runs when it is over is told."""
        agent = self.agent()
        before = agent.status()["passes"]
        churn = subprocess.Popen([harness.HELPER, "churn", "100"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        churn.stdout.readline()
        start = time.monotonic()
        intruder = self.assertTells(agent)
        time.sleep(max(0, start + 3 - time.monotonic()))
        churn.stdin.close()
        forks = int(churn.stdout.read())
        churn.wait()
        self.assertResolves(agent, intruder)
        told = agent.status()
        self.comment(f"{forks} forks: {told['passes'] - before} passes, {told['events']}")
        self.assertLess(told["passes"] - before, forks / 10)
        self.assertEqual(told["restarts"], 0)
        self.assertEqual(agent.stop(), 0)


@needs_containers
@harness.needs("prlimit")
class Hunger(TimesCase):
    def test_descriptors_are_exhausted(self):
        """Without descriptors it tells little; with them again all, without having been started anew by anyone."""
        agent = self.agent(settings="interval = 10")
        pids = agent.by_role().values()
        before = resource.getrlimit(resource.RLIMIT_NOFILE)[0]  # which it has from here
        for pid in pids:
            self.limit(pid, 3)
        with self.intruder():
            time.sleep(12)  # an audit or two
        for pid in pids:
            if os.path.exists(f"/proc/{pid}"):
                self.limit(pid, before)
        self.assertResolves(agent, self.assertTells(agent))
        self.assertEqual(agent.stop(), 0)
        self.assertEqual(self.assertHistory(agent.tail.findings()), self.told_open(agent))

    def limit(self, pid, descriptors):
        """As the user that it runs as: root without CAP_SYS_RESOURCE may not."""
        result = self.run_command("prlimit", f"--pid={pid}", f"--nofile={descriptors}:", user=harness.NOBODY,
                                  group=harness.NOBODY, extra_groups=[])
        self.assertEqual(result.returncode, 0, result.stderr)


if __name__ == "__main__":
    harness.main()
