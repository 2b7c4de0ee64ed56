"""proctor recommend: what an agent learned of real containers, as the change to how they are started."""

import contextlib
import json
import os
import shlex
import shutil
import sqlite3

import dockerd
import harness
from agents import Agent
from containers import Container, grant, make_root, needs_containers
from test_learn import reason, tells_ids

BUSYBOX = "/tools/busybox"  # a file that the first process does not run
CHOWNS = f"{BUSYBOX} touch f; {BUSYBOX} chown 33 f"
CHROOTS = f"{BUSYBOX} chroot / {BUSYBOX} true"
BINDS = f"{BUSYBOX} timeout 1 {BUSYBOX} nc -l -p 81"


def add_tools(root):
    os.makedirs(f"{root}/tools")
    shutil.copy(f"{root}/bin/busybox", root + BUSYBOX)


class Learning(harness.Case):
    @classmethod
    def setUpClass(cls):
        why = reason()
        if why:
            raise harness.unittest.SkipTest(why)

    def agent(self, **settings):
        """One that does not look at everything again while the test runs."""
        return Agent(self, interval="10m", environment={"PROCTOR_LEARN": "on", **settings})

    def recommended(self, agent, container):
        """What the document tells of it; None: nothing yet."""
        document = self.document("recommend", "--state", agent.state, "--container", container)
        self.assertLessEqual(len(document["containers"]), 1)
        return document["containers"][0] if document["containers"] else None

    def wait_until_learned(self, agent, container, capabilities):
        """What the state itself has is asked for, which costs the machine least."""
        numbers = {harness.names(1 << number)[0]: number for number in range(32)}
        wanted = {numbers[name] for name in capabilities}

        def is_learned():
            with contextlib.closing(sqlite3.connect(f"file:{agent.state}/proctor.db?mode=ro", uri=True)) as state:
                return wanted <= {row[0] for row in state.execute(
                    "SELECT capability FROM learned_use JOIN learned USING (image, family, name) "
                    "WHERE kind = 0 AND ?1 IN (image, reference)", (container,))}
        self.wait_for(is_learned)

    def text(self, agent, *arguments):
        result = self.proctor("recommend", "--state", agent.state, *map(str, arguments))
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        return result.stdout.decode()

    def options(self, agent, container):
        """Of docker run."""
        text = self.text(agent, "--container", container, "--format", "docker")
        return shlex.split(text.partition("docker run:")[2].partition("To be taken away")[0].replace("\\\n", ""))


@needs_containers
class Recommend(Learning):
    def container(self, name):
        return Container(self, name, prepare=add_tools)

    def run_in(self, container, script):
        done = f"{container.root}/tmp/done"
        container.execute(argv=[BUSYBOX, "sh", "-c", f"cd /tmp; {script}; {BUSYBOX} touch done"])
        self.wait_for(lambda: os.path.exists(done))
        os.unlink(done)

    def test_what_was_learned(self):
        """One agent and two containers, for what takes time is that something is learned."""
        before = self.container("before")
        agent = self.agent()
        container = self.container("learned")
        self.run_in(container, f"{CHOWNS}; {BINDS}")
        self.run_in(before, CHOWNS)
        self.wait_until_learned(agent, container.id, ["CAP_CHOWN", "CAP_NET_BIND_SERVICE"])
        self.wait_until_learned(agent, before.id, ["CAP_CHOWN"])
        with self.subTest("records and table"):
            self.check_document(agent, container)
        with self.subTest("targets"):
            self.check_targets(agent, container)
        with self.subTest("task definition"):
            self.check_task_definition(agent, container)
        with self.subTest("a start that was not seen"):
            self.check_start(agent, before)
        told = self.recommended(agent, container.id)
        self.assertEqual(agent.stop(), 0)
        with self.subTest("afterwards"):
            self.assertEqual(self.recommended(agent, container.id)["recommended"], told["recommended"])
        with self.subTest("it runs with it, and not with less"):
            self.check_program(agent, container)

    def check_document(self, agent, container):
        told = self.recommended(agent, container.id)
        self.assertEqual(told["recommended"], ["CAP_CHOWN", "CAP_NET_BIND_SERVICE"])
        self.assertEqual((told["starts"], told["saw_start"], told["complete"]), (1, True, True))
        self.assertLessEqual(set(harness.names(harness.DOCKER_DEFAULT)), set(told["granted"]))
        chown = next(use for use in told["used"] if use["capability"] == "CAP_CHOWN")
        self.assertEqual((chown["required"], chown["executables"]), (True, [BUSYBOX]))
        self.assertGreaterEqual(chown["count"], 1)
        self.assertEqual(told["id"], container.id)  # nothing else is known of it
        self.assertIn(told["evidence"], ("fexit", "tracepoint", "kprobe"))
        self.assertEqual(told["events_lost"], 0)
        table = self.text(agent)
        self.assertRegex(table, r"\n.* chown +required ")
        self.assertRegex(table, rf"{container.id} \(watched for [0-9]+s, 1 start\): keep chown "
                                "net_bind_service; drop docker-default -chown -net_bind_service\n")

    def check_program(self, agent, container):
        """By the options for docker, which runc's configuration stands for."""
        self.assertEqual(self.options(agent, container.id), ["--cap-drop", "ALL", "--cap-add", "CHOWN", "--cap-add", "NET_BIND_SERVICE"])
        for added, status in ((["CAP_CHOWN", "CAP_NET_BIND_SERVICE"], "0"), (["CAP_NET_BIND_SERVICE"], "1")):
            container.stop()
            grant(container.config, added)
            with open(f"{container.bundle}/config.json", "w", encoding="utf-8") as file:
                json.dump(container.config, file)
            container.start()
            self.run_in(container, f"{BUSYBOX} rm -f g; {BUSYBOX} touch g; {BUSYBOX} chown 33 g; echo $? >/tmp/status")
            with open(f"{container.root}/tmp/status", encoding="ascii") as file:
                self.assertEqual(file.read().strip(), status, added)

    def check_targets(self, agent, container):
        expected = {
            "ecs": '"capabilities": {\n                        "drop": [\n                            "ALL"\n'
                   '                        ],\n                        "add": [\n'
                   '                            "CHOWN",\n                            "NET_BIND_SERVICE"\n',
            "docker": "--cap-drop ALL \\\n    --cap-add CHOWN \\\n    --cap-add NET_BIND_SERVICE\n",
            "compose": 'cap_drop:\n          - "ALL"\n        cap_add:\n          - "CHOWN"\n          - "NET_BIND_SERVICE"\n',
            "kubernetes": 'capabilities:\n              drop:\n                - "ALL"\n              add:\n'
                          '                - "CHOWN"\n                - "NET_BIND_SERVICE"\n',
            "systemd": "CapabilityBoundingSet=CAP_CHOWN CAP_NET_BIND_SERVICE\n",
        }
        for target, text in expected.items():
            with self.subTest(target=target):
                told = self.text(agent, "--container", container.id, "--format", target)
                self.assertIn(text, told)
                self.assertNotIn("question", told)
                self.assertIn("with 1 start.", " ".join(told.split()))

    def check_task_definition(self, agent, container):
        definition = {"family": "shop", "containerDefinitions": [
            {"name": "web", "image": "web",
             "linuxParameters": {"capabilities": {"add": ["SYS_ADMIN"]}, "initProcessEnabled": True}}]}
        before = self.scratch() + "/before.json"
        after = self.scratch() + "/after.json"
        with open(before, "w", encoding="utf-8") as file:
            json.dump(definition, file)
        diff = self.text(agent, "--container", container.id, "--format", "ecs", "--task-definition", before,
                         "--write-task-definition", after)
        self.assertRegex(diff, r'(?m)^-\s+"SYS_ADMIN"$')
        self.assertRegex(diff, r'(?m)^\+\s+"CHOWN",$')
        with open(after, encoding="utf-8") as file:
            written = json.load(file)
        parameters = definition["containerDefinitions"][0]["linuxParameters"]
        parameters["capabilities"] = {"drop": ["ALL"], "add": ["CHOWN", "NET_BIND_SERVICE"]}
        self.assertEqual(written, definition)
        definition["containerDefinitions"].append({"name": "other"})
        with open(before, "w", encoding="utf-8") as file:
            json.dump(definition, file)
        result = self.proctor("recommend", "--state", agent.state, "--container", container.id, "--format", "ecs",
                              "--task-definition", before, status=3)
        self.assertIn(b"no container definition is that of", result.stderr)
        result = self.proctor("recommend", "--state", agent.state, "--task-definition", before, status=2)
        self.assertIn(b"--task-definition goes with --format ecs only", result.stderr)

    def check_start(self, agent, container):
        told = self.recommended(agent, container.id)
        self.assertEqual((told["starts"], told["saw_start"], told["complete"]), (0, False, False))
        self.assertIn("its start was not seen", self.text(agent, "--container", container.id))
        self.assertIn("question", self.text(agent, "--container", container.id, "--format", "compose"))

    def test_nothing_learned(self):
        agent = Agent(self, environment={"PROCTOR_LEARN": "off"})
        self.wait_for(agent.records)
        self.assertIn("Nothing was learned yet: 'proctor agent' learns", " ".join(self.text(agent).split()))
        self.assertIn("called no-such yet", " ".join(self.text(agent, "--container", "no-such").split()))
        self.assertEqual(self.document("recommend", "--state", agent.state)["containers"], [])
        result = self.proctor("recommend", "--state", f"{agent.directory}/none", status=3)
        self.assertIn(b"no agent has kept a state", result.stderr)


@harness.needs_root
@harness.needs(*dockerd.COMMANDS)
class Docker(Learning):
    def test_an_image_over_its_containers(self):
        """What one container of the image needs, and what another one does later, is the image's; and a container with
        the options that are recommended does it all."""
        daemon = dockerd.Dockerd(self)
        root = f"{daemon.place}/root"
        make_root(root, BUSYBOX)
        daemon.build("proctor-learned", root)
        agent = self.agent(PROCTOR_DOCKER_SOCKET=daemon.socket)
        for name, script, capability in (("first", CHOWNS, "CAP_CHOWN"), ("second", CHROOTS, "CAP_SYS_CHROOT")):
            daemon.run("--name", name, "--network", "none", "proctor-learned", "/bin/busybox", "sh", "-c",
                       f"{script}; exec sleep 1000")
            self.wait_until_learned(agent, "proctor-learned", [capability])
            daemon.docker("rm", "--force", name)
        told = self.recommended(agent, "proctor-learned")
        self.assertEqual(told["recommended"], ["CAP_CHOWN", "CAP_SYS_CHROOT"])
        self.assertEqual((told["name"], told["image"]), ("second", "proctor-learned"))
        self.assertTrue(told["image_digest"].startswith("sha256:"))
        options = self.options(agent, told["image_digest"])
        self.undo(daemon.docker, "rm", "--force", "third")
        result = daemon.docker("run", "--detach", "--name", "third", "--network", "none", *options, "proctor-learned",
                               "/bin/busybox", "sh", "-c", f"{CHOWNS} && {CHROOTS} && echo done || echo failed")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.wait_for(lambda: daemon.docker("logs", "third").stdout)
        self.assertEqual(daemon.docker("logs", "third").stdout, b"done\n")


if __name__ == "__main__":
    harness.main(alone=not tells_ids())
