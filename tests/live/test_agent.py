"""The agent on this machine: what it tells, when, and that it loses and doubles nothing."""

import json
import os
import pathlib
import signal
import shutil
import sqlite3
import subprocess

import containers
import harness
from agents import Agent
from containers import Container, needs_containers
from harness import Case, needs, needs_root

# A process that is of no known kind: somebody with a capability that others give nobody.
AMBIENT = ("--inh-caps=+net_raw", "--ambient-caps=+net_raw", "--reuid=1234", "--clear-groups")


@needs_root
@needs("setpriv")
class Watching(Case):
    def privileged(self, name="odd"):
        """Starts a process that is privileged, by an executable of its own."""
        program = f"{self.scratch()}/{name}"
        with open(harness.find_command("sleep"), "rb") as file:
            pathlib.Path(program).write_bytes(file.read())
        os.chmod(program, 0o755)
        process = subprocess.Popen(["setpriv", *AMBIENT, program, "1000"], stdin=subprocess.DEVNULL)
        self.undo(harness.stop, process)
        self.undo(process.kill)
        return process, program

    def of(self, program):
        return lambda record: record["finding"]["subject"].get("executable") == program

    def test_a_privileged_process_is_told_when_it_comes_and_when_it_has_gone(self):
        agent = Agent(self, environment={"PROCTOR_RESOLVE_AFTER": "1"})
        process, program = self.privileged()
        opened = agent.wait_finding(self.of(program), status="opened", rule="capability.ambient")
        self.assertIn(process.pid, opened["finding"]["subject"]["pids"])
        process.kill()
        process.wait()
        resolved = agent.wait_finding(self.of(program), status="resolved", rule="capability.ambient")
        self.assertEqual(resolved["finding"]["id"], opened["finding"]["id"])
        self.assertEqual(resolved["first_seen"], opened["first_seen"])
        self.assertGreater(resolved["sequence"], opened["sequence"])

    def test_a_restart_goes_on(self):
        agent = Agent(self)
        _, program = self.privileged()
        first = agent.wait_finding(self.of(program), status="opened", rule="capability.ambient")
        self.assertEqual(agent.stop(), 0)
        before = agent.records()
        again = Agent(self, directory=agent.directory)
        self.wait_for(lambda: len(again.heartbeats()) > sum(r["type"] == "heartbeat" for r in before))
        records = again.records()
        self.assertEqual(records[:len(before)], before)
        sequences = [record["sequence"] for record in records]
        self.assertEqual(sequences, sorted(set(sequences)))
        opened = again.findings(id=first["finding"]["id"], status="opened")
        self.assertEqual(len(opened), 1)

    def test_what_it_kills_is_started_again_and_told_once(self):
        agent = Agent(self)
        _, first = self.privileged()
        agent.wait_finding(self.of(first), status="opened", rule="capability.ambient")
        for role in ("auditor", "shipper"):
            pid = agent.role(role)
            os.kill(pid, signal.SIGKILL)
            self.wait_for(lambda: self.is_another(agent, role, pid))
        _, second = self.privileged("odder")
        agent.wait_finding(self.of(second), status="opened", rule="capability.ambient")
        told = [(record["finding"]["subject"]["executable"], record["status"])
                for record in agent.findings(rule="capability.ambient") if self.of(first)(record) or
                self.of(second)(record)]
        self.assertEqual(told, [(first, "opened"), (second, "opened")])
        self.assertEqual(agent.log().count("signal=9"), 2, agent.log())

    def is_another(self, agent, role, pid):
        result = self.proctor("status", "--state", agent.state, "--format", "json", status=None)
        told = json.loads(result.stdout or "{}").get("pids", {}).get(role)
        return result.returncode == 0 and told not in (None, pid)

    def test_a_dead_parent_takes_its_children_along(self):
        agent = Agent(self)
        pids = agent.pids()
        self.assertEqual(len(pids), 2)
        agent.process.kill()
        agent.process.wait()
        for pid in pids:
            self.wait_for(lambda: not os.path.exists(f"/proc/{pid}"))

    def test_stdout_has_records_only(self):
        agent = Agent(self, to="stdout")
        lines = [json.loads(agent.process.stdout.readline()) for _ in range(3)]
        self.assertEqual({line["type"] for line in lines} - {"finding", "heartbeat"}, set())

    def test_status_findings_and_health_ask_it(self):
        agent = Agent(self)
        agent.wait_heartbeat()
        status = agent.status()
        self.assertTrue(status["running"])
        self.assertEqual(status["pids"]["parent"], agent.process.pid)
        self.assertEqual([sink["sink"] for sink in status["queue"]], [agent.sink])
        self.proctor("health", "--state", agent.state)
        found = json.loads(self.proctor("findings", "--state", agent.state, "--format", "json").stdout)
        opened = {record["finding"]["id"] for record in agent.findings(status="opened")}
        self.assertEqual({record["finding"]["id"] for record in found["findings"]}, opened)
        self.assertIn(agent.sink.encode(), self.proctor("status", "--state", agent.state).stdout)
        self.assertEqual(agent.stop(), 0)
        self.assertOneLine(self.proctor("health", "--state", agent.state, status=3).stderr, "agent")
        self.assertFalse(json.loads(self.proctor("status", "--state", agent.state, "--format", "json",
                                                 status=3).stdout)["running"])

    def test_memory_serves_where_nothing_may_be_written(self):
        directory = self.scratch()
        os.chmod(directory, 0o777)
        control = f"{directory}/control"
        agent = Agent(self, state="memory", environment={"PROCTOR_CONTROL": control})
        agent.wait_heartbeat()
        found = json.loads(self.proctor("findings", "--state", "memory", "--format", "json",
                                        env=agent.environment).stdout)
        self.assertTrue(found["findings"])
        self.proctor("health", "--state", "memory", env=agent.environment)

    def test_an_inventory_is_sent_where_it_is_asked_for(self):
        agent = Agent(self, environment={"PROCTOR_INVENTORY": "yes"})
        self.wait_for(lambda: any(record["type"] == "inventory" for record in agent.records()))
        inventory, = (record for record in agent.records() if record["type"] == "inventory")
        self.assertIn(os.getpid(), {process["pid"] for process in inventory["processes"]})

    def test_a_heartbeat_tells_what_is_in_force(self):
        beat = Agent(self).wait_heartbeat()
        self.assertEqual(beat["dropped"], 0)
        self.assertEqual({entry["collector"] for entry in beat["coverage"]} & {"host", "process", "filesystem"},
                         {"host", "process", "filesystem"})
        self.assertEqual(set(beat["confinement"]), {"parent", "auditor", "shipper"})


@needs_root
class Settings(Case):
    def config(self, text):
        path = f"{self.scratch()}/proctor.conf"
        pathlib.Path(path).write_text(text)
        return path

    def test_hangup_reads_the_settings_again(self):
        path = self.config("[rules]\noff = host.*\n")
        agent = Agent(self, "--config", path)
        agent.wait_heartbeat()
        self.assertEqual([r for r in agent.findings() if r["finding"]["rule"].startswith("host.")], [])
        pathlib.Path(path).write_text("[rules]\noff = mount.*\n")
        os.kill(agent.process.pid, signal.SIGHUP)
        agent.wait_for_log("settings read again")
        agent.wait_finding(lambda record: record["finding"]["rule"].startswith("host."))

    def test_a_bad_file_changes_nothing(self):
        path = self.config("[agent]\ninterval = 100\n")
        agent = Agent(self, "--config", path)
        agent.wait_heartbeat()
        pids = agent.pids()
        pathlib.Path(path).write_text("[agent]\ninterval = often\n")
        os.kill(agent.process.pid, signal.SIGHUP)
        agent.wait_for_log("the settings stay as they were")
        self.assertIn(f"{path}:2", agent.log())
        self.assertEqual(agent.status()["interval"], 100)
        self.assertEqual(agent.pids(), pids)

    def test_a_bad_setting_is_told_at_the_start(self):
        result = self.proctor("agent", "--interval", "often", status=2)
        self.assertOneLine(result.stderr, "--interval")

    def test_a_state_that_cannot_be_had_is_told_at_the_start(self):
        directory = self.scratch()
        os.chmod(directory, 0o777)
        with sqlite3.connect(f"{directory}/proctor.db") as database:
            database.execute("PRAGMA user_version = 1000000")
        os.chown(f"{directory}/proctor.db", *[harness.NOBODY] * 2)
        result = self.proctor("agent", "--state", directory, status=3,
                              env=dict(os.environ, **harness.WITHOUT_LEAKS))
        self.assertIn(b"newer", result.stderr)

    def test_check_config_tells_what_is_in_force(self):
        path = self.config("[agent]\ninterval = 100\n")
        text = self.proctor("agent", "--config", path, "--state", "memory", "--check-config").stdout.decode()
        self.assertRegex(text, rf"interval = 100.*{path}:2")
        self.assertRegex(text, r"state = memory.*--state")


@needs_containers
class Containers(Case):
    def of(self, container):
        return lambda record: record["finding"].get("container_id") == container.id

    def test_one_that_comes_and_goes_is_told(self):
        agent = Agent(self, environment={"PROCTOR_RESOLVE_AFTER": "0"})
        agent.wait_heartbeat()
        container = Container(self, "late", containers.privileged)
        agent.wait_finding(self.of(container), status="opened", rule="container.privileged")
        container.stop()
        agent.wait_finding(self.of(container), status="resolved", rule="container.privileged")

    def test_files_of_one_that_came_are_walked(self):
        agent = Agent(self)
        agent.wait_heartbeat()
        container = Container(self, "files", prepare=self.add_setuid)
        found = agent.wait_finding(lambda record: self.of(container)(record), rule="file.setuid")
        self.assertEqual(found["finding"]["subject"]["path"], "/bin/odd")

    def add_setuid(self, root):
        with open(f"{root}/bin/odd", "wb") as file:
            file.write(b"#!/bin/sh\n")
        os.chmod(f"{root}/bin/odd", 0o4755)

    def test_what_is_not_seen_any_more_is_not_resolved(self):
        """An agent that may look at nothing says nothing of what another one saw."""
        container = Container(self, "dark", containers.privileged, prepare=self.add_setuid)
        agent = Agent(self)
        agent.wait_finding(self.of(container), status="opened", rule="container.privileged")
        agent.wait_finding(self.of(container), status="opened", rule="file.setuid")
        self.assertEqual(agent.stop(), 0)
        before = len(agent.records())
        blind = ("setpriv", f"--reuid={harness.NOBODY}", f"--regid={harness.NOBODY}", "--clear-groups",
                 "--inh-caps=-all", "--bounding-set=-all")
        again = Agent(self, directory=agent.directory, wrap=blind, environment={"PROCTOR_RESOLVE_AFTER": "0"},
                      interval=10)
        self.wait_for(lambda: sum(record["type"] == "heartbeat" for record in again.records()[before:]) >= 2)
        told = [record for record in again.records()[before:] if record["type"] == "finding" and
                self.of(container)(record) and record["status"] == "resolved"]
        self.assertEqual(told, [])

    def test_a_sidecar_without_events_sweeps(self):
        """In a pid namespace of its own the kernel tells nothing: who comes is found all the same."""
        agent = Agent(self, wrap=("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"),
                      environment={"PROCTOR_QUICK": "2"})
        status = agent.status()
        source, = (entry for entry in status["event_sources"] if entry["source"] == "process-connector")
        self.assertFalse(source["in_force"])
        self.assertTrue(source["reason"])
        program = f"{self.scratch()}/odd"
        shutil.copy(harness.find_command("sleep"), program)
        inside = ("nsenter", "--target", str(agent.parent()), "--pid", "--mount")
        process = subprocess.Popen([*inside, "setpriv", *AMBIENT, program, "1000"], stdin=subprocess.DEVNULL)
        self.undo(harness.stop, process)
        self.undo(process.kill)
        agent.wait_finding(lambda record: record["finding"]["subject"].get("executable") == program,
                           rule="capability.ambient")
        beat = agent.wait_heartbeat()
        reasons = [reason["reason"] for entry in beat["coverage"] if entry["collector"] == "process"
                   for reason in entry["reasons"]]
        self.assertTrue([reason for reason in reasons if reason.startswith("no events of process-connector")])

    def test_a_setuid_bit_is_told_at_once_where_file_events_are_on(self):
        container = Container(self, "marked")
        agent = Agent(self, environment={"PROCTOR_FILE_EVENTS": "fanotify"})
        agent.wait_heartbeat()
        if not self.has_file_events(agent):
            self.skipTest(agent.status()["event_sources"])
        self.add_setuid(container.root)
        agent.wait_finding(self.of(container), rule="file.setuid", status="opened")

    def has_file_events(self, agent):
        return any(entry["source"] == "fanotify" and entry["in_force"]
                   for entry in agent.status()["event_sources"])


@needs_root
class Confined(Case):
    def test_each_has_no_more_than_it_needs(self):
        agent = Agent(self)
        agent.wait_heartbeat()
        auditor, shipper, parent = (agent.role(name) for name in ("auditor", "shipper", "parent"))
        self.assertEqual(harness.names(harness.sets(auditor)["effective"]),
                         ["CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE"])
        self.assertEqual({name for name, held in harness.sets(shipper).items() if held} - {"bounding"}, set())
        self.assertEqual(harness.sets(parent)["effective"], 0)
        for pid in (auditor, shipper, parent):
            told = harness.status(pid)
            self.assertEqual(told["NoNewPrivs"], "1")
            self.assertEqual(told["Seccomp"], "2")
            self.assertNotIn("0", told["Uid"].split())
        self.assertEqual([link for link in self.links(auditor) if link.startswith("/") and
                          self.is_written(auditor, link)], [])

    def links(self, pid):
        return [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]

    def is_written(self, pid, link):
        return link != "/dev/null" and not f"{link}/".startswith("/proc/") and not link.endswith("/log")


if __name__ == "__main__":
    harness.main()
