"""Learning inside the agent: what containers use is kept over restarts; what they do not use, and what they are
refused, is told."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess

import brief
import harness
from agents import Agent
from containers import Container, grant, needs_containers
from harness import Case
from test_learn import is_attached, reason, tells_ids

CONTAINERS = int(os.environ.get("LEARN_CONTAINERS", "30"))
CHOWN, NET_BIND_SERVICE, SYS_CHROOT = 0, 10, 18
REQUIRED = 0  # a kind of use in the state
BUSYBOX = "/tools/busybox"  # a file that the first process does not run
USES_BOTH = f"{BUSYBOX} touch f; {BUSYBOX} chown 33 f; {BUSYBOX} timeout 1 {BUSYBOX} nc -l -p 81"
CHOWNS = f"{BUSYBOX} touch g; {BUSYBOX} chown 33 g"


@needs_containers
class AgentLearn(Case):
    @classmethod
    def setUpClass(cls):
        why = reason()
        if why:
            raise harness.unittest.SkipTest(why)

    def agent(self, directory=None, **settings):
        """One that does not look at everything again while the test runs: what it tells, a quick look found."""
        environment = {"PROCTOR_LEARN": "on", "PROCTOR_LEARN_DAYS": "0", "PROCTOR_LEARN_STARTS": "1", **settings}
        return Agent(self, directory=directory, interval="10m", environment=environment)

    def container(self, name):
        def add_tools(root):
            os.makedirs(f"{root}/tools")
            shutil.copy(f"{root}/bin/busybox", root + BUSYBOX)

        return Container(self, name, prepare=add_tools)

    def run_in(self, container, script):
        done = f"{container.root}/tmp/done"
        container.execute(argv=[BUSYBOX, "sh", "-c", f"cd /tmp; {script}; {BUSYBOX} touch done"])
        self.wait_for(lambda: os.path.exists(done))
        os.unlink(done)

    def restart_without(self, container, capability):
        """The same image, hardened."""
        container.stop()
        grant(container.config, [name for name in harness.names(harness.DOCKER_DEFAULT) if name != capability])
        with open(f"{container.bundle}/config.json", "w", encoding="utf-8") as file:
            json.dump(container.config, file)
        container.start()

    def required(self, agent, container):
        """The numbers of the capabilities that the state has as required by what the container runs."""
        with contextlib.closing(sqlite3.connect(f"file:{agent.state}/proctor.db?mode=ro", uri=True)) as state:
            return {row[0] for row in state.execute(
                "SELECT capability FROM learned_use WHERE image = ? AND kind = ?", (container.id, REQUIRED))}

    def told(self, agent, rule, container):
        """Its last finding of that rule; None: there is none."""
        found = [record["finding"] for record in agent.findings(rule=rule, status="opened")
                 if record["finding"].get("container_id") == container.id]
        return found[-1] if found else None

    def test_from_use_to_alarm(self):
        agent = self.agent()
        container = self.container("learned")
        self.run_in(container, USES_BOTH)
        self.wait_for(lambda: self.required(agent, container) == {CHOWN, NET_BIND_SERVICE})
        self.wait_for(lambda: self.told(agent, "capability.unused", container))
        unused = self.told(agent, "capability.unused", container)["evidence"]["unused"]
        self.assertIn("CAP_MKNOD", unused)
        learning = agent.status()["learning"]
        self.assertTrue(learning["in_force"])
        self.assertEqual(learning["lost"], 0)
        self.assertRegex(self.proctor("status", "--state", agent.state).stdout.decode(),
                         "\nLearning +[a-z]+, [0-9]+ checks")

        agent.stop()
        again = self.agent(directory=agent.directory)
        self.assertEqual(self.required(again, container), {CHOWN, NET_BIND_SERVICE})
        self.restart_without(container, "CAP_CHOWN")
        self.run_in(container, CHOWNS)
        self.wait_for(lambda: self.told(again, "capability.newly-denied", container))
        finding = self.told(again, "capability.newly-denied", container)
        self.assertEqual(finding["severity"], "high")
        self.assertEqual(finding["evidence"]["refused"], ["CAP_CHOWN"])
        self.assertEqual(finding["evidence"]["program"], BUSYBOX)
        self.assertIsNone(self.told(again, "capability.denied", container))

    def test_refused_what_was_never_used(self):
        agent = self.agent()
        container = self.container("refused")
        self.run_in(container, f"{BUSYBOX} hostname other")
        self.wait_for(lambda: self.told(agent, "capability.denied", container))
        self.assertEqual(self.told(agent, "capability.denied", container)["evidence"]["refused"], ["CAP_SYS_ADMIN"])
        self.assertIsNone(self.told(agent, "capability.newly-denied", container))

    def test_the_auditor_is_started_anew(self):
        """The parent's programs go on counting, and the next one reads them."""
        agent = self.agent()
        container = self.container("anew")
        self.run_in(container, CHOWNS)
        self.wait_for(lambda: self.required(agent, container) == {CHOWN})
        os.kill(agent.role("auditor"), signal.SIGKILL)
        agent.wait_for_log("ended")
        self.run_in(container, f"{BUSYBOX} timeout 1 {BUSYBOX} nc -l -p 81")
        self.wait_for(lambda: self.required(agent, container) == {CHOWN, NET_BIND_SERVICE})
        self.assertTrue(is_attached(agent.parent()))

    def test_another_that_learns_does_not_disturb(self):
        agent = self.agent()
        other = self.agent()
        watch = subprocess.Popen([harness.PROCTOR, "learn", "--duration", "10m", "--format", "json"],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.undo(harness.stop, watch)
        self.wait_for(lambda: is_attached(watch.pid))
        container = self.container("shared")
        self.run_in(container, CHOWNS)
        for one in (agent, other):
            self.wait_for(lambda one=one: self.required(one, container) == {CHOWN})
        watch.send_signal(signal.SIGINT)
        document = json.loads(watch.communicate(timeout=harness.TIMEOUT)[0])
        learned = next(one for one in document["containers"] if one["id"] == container.id)
        self.assertEqual(learned["recommended"], ["CAP_CHOWN"])

    def test_a_start_that_was_not_seen(self):
        """Who learns of it later is told by the state what its start needed, and by nothing else."""
        agent = self.agent()
        container = self.container("begun")
        self.run_in(container, CHOWNS)
        self.wait_for(lambda: self.required(agent, container) == {CHOWN})
        for state, of_starts, complete in ((agent.state, ["CAP_CHOWN"], True), (None, None, False)):
            arguments = ["--state", state] if state else []
            environment = {**agent.environment, "PROCTOR_STATE": f"{agent.directory}/none"}
            done = subprocess.run([harness.PROCTOR, "learn", "--duration", "1s", "--format", "json", *arguments],
                                  env=environment, capture_output=True, check=False, timeout=harness.TIMEOUT)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            document = json.loads(done.stdout)
            self.validate(document)
            learned = next(one for one in document["containers"] if one["id"] == container.id)
            self.assertEqual((learned.get("of_starts"), learned["complete"], learned["saw_start"], learned["used"]),
                             (of_starts, complete, False, []))
            self.assertEqual(learned["recommended"], of_starts or [])
        result = self.proctor("learn", "--state", f"{agent.directory}/none", "--duration", "1s", status=3)
        self.assertIn(b"no agent has kept a state in", result.stderr)

    def test_many_containers(self):
        """They come and go: of each that was seen, the one check is kept, and none is lost for want of room."""
        agent = self.agent()
        ids = [hashlib.sha256(f"agent {os.getpid()} {number}".encode()).hexdigest() for number in range(CONTAINERS)]
        brief.run_all(brief.make_root(self), ids, 1.5)

        def counts():
            with contextlib.closing(sqlite3.connect(f"file:{agent.state}/proctor.db?mode=ro", uri=True)) as state:
                return dict(state.execute("SELECT image, count FROM learned_use WHERE capability = ?", (SYS_CHROOT,)))
        self.wait_for(lambda: counts().get(ids[-1]))
        kept = {identity: count for identity, count in counts().items() if identity in set(ids)}
        learning = agent.status()["learning"]
        self.comment(f"{CONTAINERS} containers, {len(kept)} kept, {learning}")
        if tells_ids():
            self.assertEqual(set(kept.values()), {1})
        self.assertEqual(learning["lost"], 0)
        self.assertEqual(agent.stop(), 0)

    def test_no_process_keeps_what_it_took(self):
        agent = self.agent()
        for role in ("parent", "auditor", "shipper"):
            with open(f"/proc/{agent.role(role)}/status", encoding="ascii") as file:
                permitted = int(next(line.split()[1] for line in file if line.startswith("CapPrm:")), 16)
            held = harness.names(permitted)
            self.assertEqual({"CAP_BPF", "CAP_PERFMON", "CAP_SYSLOG", "CAP_SYS_ADMIN"} & set(held), set(), role)
        self.assertFalse(is_attached(agent.role("shipper")))

    def test_without_the_privilege(self):
        without = ["setpriv", "--bounding-set", "-sys_admin,-bpf,-perfmon"]
        agent = Agent(self, wrap=without)
        self.wait_for(agent.records)
        learning = agent.status()["learning"]
        self.assertFalse(learning["in_force"])
        self.assertIn("watching capabilities", learning["reason"])
        self.assertIn("capabilities are not learned", agent.log())
        refused = Agent(self, wrap=without, environment={"PROCTOR_LEARN": "on"}, wait=False)
        self.assertNotEqual(refused.process.wait(timeout=harness.TIMEOUT), 0)

    def test_switched_off(self):
        agent = self.agent(PROCTOR_LEARN="off")
        self.assertEqual(agent.status()["learning"], {"in_force": False})
        self.assertFalse(is_attached(agent.parent()))


if __name__ == "__main__":
    harness.main(alone=not tells_ids())
