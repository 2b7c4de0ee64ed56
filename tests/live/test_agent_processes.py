"""The three processes of the agent: what each holds, how they begin and end, and what becomes of two that have lost
each other."""

import ctypes
import fcntl
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import unittest

import harness
from agents import Agent, children
from harness import Case, needs, needs_root
from test_agent import AMBIENT

PIDFD_OPEN, PIDFD_GETFD = 434, 438
STORM = 20000  # processes: more than the kernel keeps events of
takes_long = unittest.skipUnless(os.environ.get("AGENT_LONG"), "takes more than a minute: make bad-times")


def links(pid):
    """What the descriptors of the process are, but for the three that everybody has."""
    held = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            held[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            pass
    return {fd: link for fd, link in held.items() if fd > 2}


def sockets(pid):
    return {link for link in links(pid).values() if link.startswith("socket:")}


def blocks(pid, number):
    return int(harness.status(pid)["SigBlk"], 16) >> (number - 1) & 1


class ProcessesCase(Case):
    def odd(self, name):
        """Starts a process that is privileged, by an executable of its own: its path."""
        program = f"{self.scratch()}/{name}"
        pathlib.Path(program).write_bytes(pathlib.Path(harness.find_command("sleep")).read_bytes())
        os.chmod(program, 0o755)
        process = subprocess.Popen(["setpriv", *AMBIENT, program, "1000"], stdin=subprocess.DEVNULL)
        self.undo(harness.stop, process)
        self.undo(process.kill)
        return program

    def assertTells(self, agent, name):
        program = self.odd(name)
        agent.wait_finding(lambda record: record["finding"]["subject"].get("executable") == program,
                           status="opened", rule="capability.ambient")

    def killed(self, agent, role):
        """Kills it; when another one is at work in its place, its pid."""
        pid = agent.role(role)
        os.kill(pid, signal.SIGKILL)
        self.wait_for(lambda: self.now(agent, role) not in (None, pid))
        return self.now(agent, role)

    def now(self, agent, role):
        """Its pid; None while the agent does not answer."""
        result = self.proctor("status", "--state", agent.state, "--format", "json", status=None)
        return json.loads(result.stdout)["pids"].get(role) if result.returncode == 0 else None


@needs_root
@needs("setpriv")
class Descriptors(ProcessesCase):
    def assertApart(self, agent):
        auditor, shipper = agent.role("auditor"), agent.role("shipper")
        self.assertEqual(sockets(auditor) & sockets(shipper), set())
        self.assertEqual([link for link in links(shipper).values()
                          if link.endswith("inotify") or link.endswith("fanotify") or link.endswith("mountinfo")], [])

    def test_none_holds_what_is_of_another(self):
        """Neither the events of the kernel, nor the other's end of a channel: who holds that never learns that the
        other has gone."""
        agent = Agent(self)
        self.assertApart(agent)
        self.killed(agent, "auditor")
        self.assertApart(agent)
        self.killed(agent, "shipper")
        self.assertApart(agent)

    def test_restarts_leave_none_behind(self):
        agent = Agent(self)
        agent.wait_heartbeat()
        self.killed(agent, "auditor")
        self.killed(agent, "shipper")
        self.assertTells(agent, "first")
        parent, auditor = (self.held(agent, role) for role in ("parent", "auditor"))
        for _ in range(3):
            self.killed(agent, "shipper")
        self.assertTells(agent, "second")
        self.wait_for(lambda: self.held(agent, "auditor") <= auditor)
        self.killed(agent, "auditor")
        self.assertTells(agent, "third")
        self.wait_for(lambda: self.held(agent, "auditor") <= auditor)
        self.wait_for(lambda: self.held(agent, "parent") <= parent)

    @staticmethod
    def held(agent, role):
        """How many descriptors it holds between two looks, each of which opens some."""
        pid, counts = agent.role(role), []
        for _ in range(20):
            counts.append(len(links(pid)))
            time.sleep(0.05)
        return min(counts)


@needs_root
@needs("setpriv")
class Beginning(ProcessesCase):
    def test_hangup_before_it_is_ready_does_not_end_it(self):
        agent = Agent(self, wait=False)
        while not blocks(agent.process.pid, signal.SIGHUP):
            self.assertIsNone(agent.process.poll(), agent.log())
        os.kill(agent.process.pid, signal.SIGHUP)
        agent.wait_for_log("watching")
        self.assertTells(agent, "after")

    def test_many_hangups_do_not_make_it_wait(self):
        """Children that were asked to end did not fail: however often, they are there again within a moment."""
        agent = Agent(self)
        agent.wait_heartbeat()
        for _ in range(6):
            before = agent.pids()
            os.kill(agent.process.pid, signal.SIGHUP)
            self.wait_for(lambda: len(agent.pids()) == 2 and not set(before) & set(agent.pids()))
        began = time.monotonic()
        os.kill(agent.process.pid, signal.SIGHUP)
        before = agent.pids()
        self.wait_for(lambda: not set(before) & set(agent.pids()))
        self.wait_for(lambda: len(agent.pids()) == 2)
        self.assertLess(time.monotonic() - began, 15)
        self.assertNotIn("child=", agent.log())

    def test_events_that_are_switched_on_later_are_not_silently_missing(self):
        agent = Agent(self, "--config", self.config("mount_events = off\n"))
        self.assertEqual(self.source(agent, "mounts"), (False, None))
        for on, off in (("mounts", "cgroups"), ("cgroups", "mounts")):
            self.config(f"{off[:-1]}_events = off\n")
            auditor = agent.role("auditor")
            os.kill(agent.process.pid, signal.SIGHUP)
            self.wait_for(lambda: self.now(agent, "auditor") not in (None, auditor))
            self.assertFalse(self.source(agent, on)[0])
            self.assertIn("restart the agent", self.source(agent, on)[1])
            self.assertEqual(self.source(agent, off), (False, None))

    def source(self, agent, name):
        source, = (entry for entry in agent.status()["event_sources"] if entry["source"] == name)
        return source["in_force"], source.get("reason")

    def config(self, lines):
        if not hasattr(self, "file"):
            self.file = f"{self.scratch()}/proctor.conf"
        pathlib.Path(self.file).write_text(f"[agent]\n{lines}")
        return self.file

    def test_both_killed_at_once_are_both_started_again(self):
        agent = Agent(self)
        agent.wait_heartbeat()
        before = [agent.role(role) for role in ("auditor", "shipper")]
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        self.wait_for(lambda: self.now(agent, "auditor") not in (None, before[0]))
        self.assertTells(agent, "after")
        self.assertEqual(agent.status()["restarts"], 2)


@needs_root
@needs("setpriv")
class Between(ProcessesCase):
    def agent_with_events(self, **options):
        agent = Agent(self, **options)
        agent.wait_heartbeat()
        source, = (entry for entry in agent.status()["event_sources"] if entry["source"] == "process-connector")
        if not source["in_force"]:
            self.skipTest(source["reason"])
        return agent

    def lose_events(self, agent):
        """More come than the kernel keeps for one who does not read: the agent looks at everything."""
        passes, overruns = agent.status()["full_passes"], agent.status()["events"]["overruns"]
        auditor = agent.role("auditor")
        os.kill(auditor, signal.SIGSTOP)
        for _ in range(STORM):
            pid = os.fork()
            if not pid:
                os._exit(0)
            os.waitpid(pid, 0)
        os.kill(auditor, signal.SIGCONT)
        self.wait_for(lambda: agent.status()["full_passes"] > passes)
        self.assertGreater(agent.status()["events"]["overruns"], overruns)

    @takes_long
    def test_lost_events_make_no_heartbeats(self):
        """One goes out with each interval, however often everything is looked at in between."""
        agent = self.agent_with_events(interval=3600)
        for _ in range(2):
            self.lose_events(agent)
        self.assertTells(agent, "after")
        self.assertEqual(len(agent.heartbeats()), 1)

    def test_who_ended_too_soon_is_told_in_the_next_heartbeat(self):
        """Passes come in between that send no heartbeat: what they could tell is not lost with them."""
        agent = self.agent_with_events(interval=20)
        unread = agent.status()["events"]["unread"]
        for _ in range(20):
            subprocess.run(["setpriv", "--reuid=0", "true"], check=True)
        self.assertTells(agent, "between")
        self.wait_for(lambda: agent.status()["events"]["unread"] > unread)
        beats = agent.wait_heartbeat(len(agent.heartbeats()) + 1) and agent.heartbeats()
        for before, beat in zip(beats, beats[1:]):
            self.assertEqual(self.unread(beat), beat["events"]["unread"] - before["events"]["unread"])

    def unread(self, beat):
        return sum(reason["count"] for entry in beat["coverage"] for reason in entry["reasons"]
                   if reason["reason"] == "process ended before it could be read: an event told of it")

    def test_one_that_lives_for_moments_is_told_once(self):
        """However often it comes and goes: it is not resolved before it has been away for a while."""
        agent = self.agent_with_events()
        program = f"{self.scratch()}/brief"
        pathlib.Path(program).write_bytes(pathlib.Path(harness.find_command("sleep")).read_bytes())
        os.chmod(program, 0o755)
        for _ in range(5):
            subprocess.run(["setpriv", *AMBIENT, program, "2"], check=True)
        self.assertTells(agent, "after")
        told = [record["status"] for record in agent.findings(rule="capability.ambient")
                if record["finding"]["subject"].get("executable") == program]
        self.assertEqual(told, ["opened"])

    @takes_long
    def test_one_that_is_cut_off_from_the_shipper_is_started_again(self):
        """The channel between the two breaks, and neither has died: they have each other again."""
        agent = Agent(self)
        agent.wait_heartbeat()
        auditor = agent.role("auditor")
        break_channel(auditor)
        self.wait_for(lambda: self.now(agent, "auditor") not in (None, auditor))
        self.assertTells(agent, "after")


def break_channel(auditor):
    """Ends the connection to the shipper, whose socket was made before that to the parent."""
    system = ctypes.CDLL(None, use_errno=True)
    pidfd = system.syscall(PIDFD_OPEN, auditor, 0)
    try:
        for fd in sorted(fd for fd, link in links(auditor).items() if link.startswith("socket:")):
            with socket.socket(fileno=system.syscall(PIDFD_GETFD, pidfd, fd, 0)) as held:
                if held.type == socket.SOCK_SEQPACKET:
                    held.shutdown(socket.SHUT_RDWR)
                    return
    finally:
        os.close(pidfd)


class Asked(Case):
    """What asks an agent, and is answered by something else."""

    def answered(self, answer, command):
        directory = self.scratch()
        listener = socket.socket(socket.AF_UNIX)
        self.undo(listener.close)
        listener.bind(f"{directory}/control")
        listener.listen()

        def serve():
            connection, _ = listener.accept()
            with connection:
                while not connection.recv(64).endswith(b"\n"):
                    pass
                try:
                    connection.sendall(answer)
                except OSError:  # who asked has had enough
                    pass
        thread = threading.Thread(target=serve)
        thread.start()
        self.undo(thread.join)
        return self.proctor(command, "--state", "memory", status=None,
                            env={**os.environ, "PROCTOR_CONTROL": f"{directory}/control"})

    def test_no_answer_is_taken_for_health_that_does_not_say_so(self):
        huge = b'{"uptime_seconds":1,"interval":9223372036854775807}'
        answers = {b"": 3, b"\n": 3, b'{"length":-1}\n': 3, b'{"length":1e9}\n': 3, b'{"length":2}\n{}': 3,
                   b'{"length":4}\n{}': 3, b'{"length":2}\n[]': 3, b'{"length":99999999999}\n': 3,
                   b"a" * 100000: 3, b'{"length":200000}\n' + b"[" * 200000: 3,
                   b'{"length":51}\n' + huge: 0, b'{"length":51}\n' + huge.replace(b":1,", b"::,"): 3}
        for answer, status in answers.items():
            with self.subTest(answer=answer[:40]):
                result = self.answered(answer, "health")
                self.assertEqual(result.returncode, status, result.stderr)
                if status:
                    self.assertOneLine(result.stderr, "agent")

    def test_status_prints_what_is_no_status(self):
        for body in (b"{}", b'{"queue":3,"event_sources":{"a":1},"confinement":[1],"last_pass":"x","findings":[]}',
                     b'{"running":true,"version":"\\u001b[31m","queue":[{"sink":"\\u0007"},7]}'):
            with self.subTest(body=body):
                result = self.answered(b'{"length":%d}\n' % len(body) + body, "status")
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertNotIn(b"\x1b", result.stdout)
                self.assertNotIn(b"\x07", result.stdout)


@needs_root
class Ending(ProcessesCase):
    def ended(self, agent, within):
        began = time.monotonic()
        self.assertEqual(agent.stop(), 0)
        self.assertLess(time.monotonic() - began, within)
        self.assertEqual(agent.pids(), [])

    def test_with_a_sink_that_takes_nothing(self):
        """Standard output that nobody reads: it gives up before its time is over, and is not killed."""
        agent = Agent(self, to="stdout", environment={"PROCTOR_STOP_TIMEOUT": "6"}, pipesize=4096)
        self.wait_for(lambda: agent.status()["queue"][0]["waiting"] > 0)
        self.ended(agent, within=12)
        self.assertNotIn("did not end in time", agent.log())

    def test_what_waited_is_out_before_it_ends(self):
        """All that could not be delivered for a while, when the queue is in memory only."""
        directory = self.scratch()
        os.chmod(directory, 0o777)
        out = f"{directory}/out"
        os.mkdir(out)
        os.chmod(out, 0o777)
        os.mkdir(f"{out}/records")
        agent = Agent(self, state="memory", to=f"file://{out}/records",
                      environment={"PROCTOR_CONTROL": f"{directory}/control", "PROCTOR_STOP_TIMEOUT": "5"})
        agent.wait_for_log("level=warning")
        self.wait_for(lambda: agent.status()["last_pass"])
        waiting = agent.status()["queue"][0]["waiting"]
        os.rmdir(f"{out}/records")
        self.assertEqual(agent.stop(), 0)
        records = [json.loads(line) for line in pathlib.Path(f"{out}/records").read_text().splitlines()]
        self.assertGreater(waiting, 1)
        self.assertGreaterEqual(len(records), waiting)
        self.assertIn("heartbeat", {record["type"] for record in records})
        sequences = [record["sequence"] for record in records]
        self.assertEqual(sequences, list(range(sequences[0], sequences[0] + len(sequences))))

    def locked(self):
        """A state directory that is another agent's."""
        directory = self.scratch()
        os.chmod(directory, 0o777)
        os.mkdir(f"{directory}/state")
        os.chmod(f"{directory}/state", 0o777)
        lock = os.open(f"{directory}/state", os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return directory, lock

    def test_an_agent_that_is_ending_is_waited_for(self):
        directory, lock = self.locked()
        agent = Agent(self, directory=directory, wait=False)
        agent.wait_for_log("waiting for another agent to end")
        os.close(lock)
        agent.wait_for_log("watching")
        self.assertEqual(agent.log().count("waiting for another agent"), 1)

    def test_an_agent_that_stays_is_not_waited_for_without_end(self):
        directory, lock = self.locked()
        agent = Agent(self, directory=directory, wait=False, environment={"PROCTOR_STOP_TIMEOUT": "1"})
        self.assertEqual(agent.process.wait(timeout=harness.TIMEOUT), 3)
        self.assertIn("in use by another agent", agent.log())
        os.close(lock)

    def test_it_ends_while_it_waits_for_another(self):
        directory, lock = self.locked()
        agent = Agent(self, directory=directory, wait=False, environment={"PROCTOR_STOP_TIMEOUT": "60"})
        agent.wait_for_log("waiting for another agent to end")
        self.ended(agent, within=20)
        os.close(lock)

    def test_with_children_that_hang(self):
        agent = Agent(self, environment={"PROCTOR_STOP_TIMEOUT": "3"})
        for pid in [agent.role(role) for role in ("auditor", "shipper")]:
            os.kill(pid, signal.SIGSTOP)
        self.ended(agent, within=10)
        self.assertIn("did not end in time", agent.log())

    def test_while_one_waits_to_be_started(self):
        agent = Agent(self, environment={"PROCTOR_STOP_TIMEOUT": "6"})
        for _ in range(3):
            self.killed(agent, "auditor")
        os.kill(agent.role("auditor"), signal.SIGKILL)
        self.wait_for(lambda: len(agent.pids()) == 1)
        self.ended(agent, within=6)

    def test_as_soon_as_it_begins(self):
        for count in range(3):
            agent = Agent(self, wait=False)
            self.wait_for(lambda: blocks(agent.process.pid, signal.SIGTERM))
            self.wait_for(lambda: len(children(agent.process.pid)) >= min(count, 2))
            self.ended(agent, within=20)


if __name__ == "__main__":
    harness.main()
