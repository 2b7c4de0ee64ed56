"""Learning inside the agent: what containers use is kept, what they do not use and what they are refused is told."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import time

import harness
from agents import Agent
from containers import Container, grant, needs_containers
from harness import Case
from test_learn import is_attached, reason

ASKS = "touch f; chown 33 f; nc -l -p 81 -e true & p=$!; sleep 0.3; kill $p"
SETTINGS = ("--interval", "10s")


@needs_containers
class AgentLearn(Case):
    @classmethod
    def setUpClass(cls):
        why = reason()
        if why:
            raise harness.unittest.SkipTest(why)

    def agent(self, directory=None, **settings):
        environment = {"PROCTOR_LEARN": "on", "PROCTOR_LEARN_DAYS": "0", "PROCTOR_LEARN_STARTS": "1",
                       "PROCTOR_RESOLVE_AFTER": "0", **settings}
        return Agent(self, directory=directory, interval="10s", environment=environment)

    def container(self, name, *changes):
        def add_tools(root):
            os.makedirs(f"{root}/tools")
            shutil.copy(f"{root}/bin/busybox", f"{root}/tools/busybox")

        return Container(self, name, *changes, prepare=add_tools)

    def run_in(self, container, script):
        done = f"{container.root}/tmp/done"
        container.execute(argv=["/tools/busybox", "sh", "-c",
                                f"cd /tmp; alias touch='busybox touch'; export PATH=/bin; {script}; /tools/busybox touch /tmp/done"])
        self.wait_for(lambda: os.path.exists(done))
        os.unlink(done)

    def kept(self, agent, container):
        """{capability number: kind} that the state has of the container's image."""
        with contextlib.closing(sqlite3.connect(f"file:{agent.state}/proctor.db?mode=ro", uri=True)) as state:
            return dict(state.execute("SELECT capability, min(kind) FROM learned_use WHERE image = ? "
                                      "GROUP BY capability", (container.id,)))

    def of(self, agent, rule, container, status="opened"):
        return [record for record in agent.findings(rule=rule, status=status)
                if record["finding"].get("container_id") == container.id]

    def test_all_of_it(self):
        agent = self.agent()
        container = self.container("learned")
        self.run_in(container, "/tools/busybox touch f; /tools/busybox chown 33 f; "
                               "/tools/busybox timeout 1 /tools/busybox nc -l -p 81")
        self.wait_for(lambda: set(self.kept(agent, container)) >= {0, 10})
        self.wait_for(lambda: self.of(agent, "capability.unused", container))
        unused = self.of(agent, "capability.unused", container)[-1]["finding"]
        told = {fact["name"]: fact["value"] for fact in unused["evidence"]} if isinstance(unused["evidence"], list) else unused["evidence"]
        self.assertNotIn("CAP_CHOWN", told["unused"])
        self.assertIn("CAP_MKNOD", told["unused"])
        self.assertIn("CAP_NET_BIND_SERVICE", told["required"])

        agent.stop()
        again = self.agent(directory=agent.directory)
        self.assertEqual(set(self.kept(again, container)) & {0, 10}, {0, 10})

        print("OLD PID", container.pid); container.stop()
        with open(f"{container.bundle}/config.json", encoding="utf-8") as file:
            config = json.load(file)
        grant(config, [name for name in harness.names(harness.DOCKER_DEFAULT) if name != "CAP_CHOWN"])
        with open(f"{container.bundle}/config.json", "w", encoding="utf-8") as file:
            json.dump(config, file)
        container.start(); print("NEW PID", container.pid)
        self.run_in(container, "/tools/busybox touch g; /tools/busybox chown 33 g")
        start = time.monotonic()
        self.wait_for(lambda: self.of(again, "capability.newly-denied", container))
        print(again.log()); print("newly-denied after", time.monotonic() - start)
        finding = self.of(again, "capability.newly-denied", container)[-1]["finding"]
        self.assertEqual(finding["severity"], "high")


if __name__ == "__main__":
    harness.main()
