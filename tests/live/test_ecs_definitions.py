"""The task definitions in dist/ecs: what ECS would take, what the program knows, and what Proctor itself finds in the
agent's container when it is started by them."""

import copy
import json
import os
import re
import unittest

import containers
import harness
import image

try:
    import jsonschema
except ImportError:
    jsonschema = None

PLACE = harness.SOURCE / "dist/ecs"
SECRET = "not-to-be-shown"
TO_ROUTER = {"name": "PROCTOR_TO", "value": "firelens"}
KINDS = ("fargate-sidecar", "ec2-sidecar", "ec2-daemon")
WAYS = ("awslogs", "firelens")
NAMES = [f"{kind}-{way}" for kind in KINDS for way in WAYS]


def read(name):
    return json.loads((PLACE / f"{name}.json").read_text())


def with_receiver(name):
    """The definition with what its README adds for a receiver."""
    added, = re.findall(r"^```json\n(.*?)^```$", (PLACE / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    definition = read(name)
    container_of(definition).update(json.loads(added))
    return definition


def container_of(definition, name="proctor"):
    return [container for container in definition["containerDefinitions"] if container["name"] == name][0]


def members(value):
    """Every name of a member, however deep; not the names within maps."""
    if isinstance(value, list):
        return {name for item in value for name in members(item)}
    if not isinstance(value, dict):
        return set()
    return {name for key, item in value.items() for name in {key} | (set() if key == "options" else members(item))}


class DefinitionsTest(harness.Case):
    def test_all_are_there(self):
        self.assertEqual(sorted(path.stem for path in PLACE.glob("*.json")), sorted(NAMES))

    def test_image_is_of_this_version(self):
        version = self.proctor("--version").stdout.decode().split()[1]
        for name in NAMES:
            with self.subTest(name):
                self.assertEqual(container_of(read(name))["image"].rpartition(":")[2], version)

    def test_what_types_do_not_tell(self):
        for name in NAMES:
            with self.subTest(name):
                definition = read(name)
                inside = definition["containerDefinitions"]
                volumes = {volume["name"] for volume in definition.get("volumes", ())}
                mounted = {mount["sourceVolume"] for container in inside for mount in container.get("mountPoints", ())}
                self.assertEqual(mounted, volumes)
                self.assertEqual(len({container["name"] for container in inside}), len(inside))
                for size in ("cpu", "memory"):
                    self.assertLessEqual(sum(container[size] for container in inside), int(definition[size]))
                routers = [container for container in inside if "firelensConfiguration" in container]
                wanted = [container for container in inside if container["logConfiguration"]["logDriver"] == "awsfirelens"]
                self.assertEqual(len(routers), 1 if wanted else 0)

    def test_ways_differ_in_logging_only(self):
        def without_logging(definition):
            inside = [container for container in definition["containerDefinitions"] if container["name"] != "log-router"]
            for container in inside:
                del container["logConfiguration"]
                container["environment"] = [entry for entry in container.get("environment", ()) if entry != TO_ROUTER]
            return {key: value for key, value in definition.items()
                    if key not in ("taskRoleArn", "cpu", "memory")}
        for kind in KINDS:
            first, second = (without_logging(read(f"{kind}-{way}")) for way in WAYS)
            second["containerDefinitions"] = [container for container in second["containerDefinitions"]
                                              if container["name"] != "log-router"]
            self.assertEqual(first, second)

    def test_who_sends_to_the_router(self):
        """All beside one that can reach it: ECS tells of none on the host's network."""
        for name in NAMES:
            definition = read(name)
            reached = name.endswith("firelens") and definition["networkMode"] != "host"
            self.assertEqual(TO_ROUTER in container_of(definition)["environment"], reached, name)

    def test_each_member_has_its_reason(self):
        """The README says why of each member of the task and of the container."""
        text = (PLACE / "README.md").read_text()
        for name in NAMES:
            definition = read(name)
            self.assertIn(f"]({name}.json)", text)
            top = set(definition) - {"family", "containerDefinitions"}
            own = set(container_of(definition)) - {"name", "image"}
            self.assertEqual([member for member in sorted(top | own) if f"`{member}" not in text
                              and f".{member}" not in text], [])

    def test_image(self):
        """The user and the directories are those of the image."""
        text = (harness.SOURCE / "dist/Dockerfile").read_text()
        for name in NAMES:
            container = container_of(read(name))
            self.assertIn(f"USER {container['user']}\n", text)
            for place in (*container.get("mountPoints", ()), *container["linuxParameters"].get("tmpfs", ())):
                if place["containerPath"] != "/sys/fs/cgroup":
                    self.assertIn(f'"{place["containerPath"]}"', text)


@unittest.skipUnless(jsonschema, "not installed: python3-jsonschema")
class SchemaTest(harness.Case):
    @classmethod
    def setUpClass(cls):
        schema = json.loads((harness.SOURCE / "tests/schema/register-task-definition.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        cls.schema = jsonschema.Draft202012Validator(schema)

    def faults(self, definition):
        return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
                for error in self.schema.iter_errors(definition)]

    def test_valid(self):
        for name in NAMES:
            with self.subTest(name):
                self.assertEqual(self.faults(read(name)), [])
                self.assertEqual(self.faults(with_receiver(name)), [])

    def test_refuses(self):
        """What ECS refuses is seen: of any task, and of one on Fargate."""
        def of_task(**members):
            return lambda task: task.update(members)

        def of_container(**members):
            return lambda task: container_of(task).update(members)

        def of_linux(**members):
            return lambda task: container_of(task)["linuxParameters"].update(members)
        any_task = [
            of_task(pidMode="container"), of_task(networkMode="vpc"), of_task(readonly=True), of_task(cpu=256),
            of_task(containerDefinitions=[]), lambda task: task.pop("family"), lambda task: container_of(task).pop("image"),
            of_container(stopTimeout="30"), of_container(environment=[{"name": "A"}]), of_container(memory=1),
            of_container(healthCheck={"command": ["/usr/bin/proctor", "health"]}),
            of_container(restartPolicy={"enabled": True, "restartAttemptPeriod": 5}),
            of_container(logConfiguration={"logDriver": "awslogs"}), of_linux(capabilities={"add": ["CAP_SYS_PTRACE"]}),
            of_container(dockerSecurityOptions=["seccomp=unconfined"]),
            lambda task: [container.update(essential=False) for container in task["containerDefinitions"]]]
        fargate = [
            of_linux(capabilities={"add": ["NET_ADMIN"]}), of_linux(tmpfs=[{"containerPath": "/tmp", "size": 1}]),
            of_linux(devices=[{"hostPath": "/dev/kmsg"}]), of_container(privileged=False), of_container(stopTimeout=121),
            of_container(dockerSecurityOptions=["no-new-privileges"]), of_task(pidMode="host"), of_task(networkMode="host"),
            of_task(volumes=[{"name": "etc", "host": {"sourcePath": "/etc"}}]), of_task(memory="4096"),
            of_task(volumes=[{"name": "etc", "dockerVolumeConfiguration": {}}]), of_task(cpu="200"),
            of_container(ulimits=[{"name": "core", "softLimit": 0, "hardLimit": 0}]), lambda task: task.pop("memory"),
            of_container(logConfiguration={"logDriver": "json-file"})]
        for name, changes in (("ec2-daemon-awslogs", any_task), ("fargate-sidecar-awslogs", [*any_task, *fargate])):
            for number, change in enumerate(changes):
                definition = copy.deepcopy(read(name))
                change(definition)
                self.assertTrue(self.faults(definition), f"change {number} of {name}")


@image.needs_agent
class ProgramTest(harness.Case):
    def test_commands(self):
        for name in NAMES:
            container = container_of(read(name))
            self.assertLessEqual({container["command"][0], container["healthCheck"]["command"][2]}, set(self.commands()))

    def test_variables(self):
        """The agent understands each, and says that it is in force."""
        for name in NAMES:
            variables = {entry["name"]: entry["value"] for entry in container_of(read(name))["environment"]}
            told = self.proctor("agent", "--check-config", "--config", harness.SOURCE / "dist/proctor.conf",
                                env={**os.environ, **variables}).stdout.decode()
            for variable in variables:
                self.assertIn(variable, told)

    def test_receiver(self):
        """What is added for one is understood, and the secret not shown."""
        container = container_of(with_receiver("fargate-sidecar-awslogs"))
        variables = {entry["name"]: entry.get("value", SECRET)
                     for entry in (*container["environment"], *container["secrets"])}
        told = self.proctor("agent", "--check-config", "--config", harness.SOURCE / "dist/proctor.conf",
                            env={**os.environ, **variables}).stdout.decode()
        for variable in variables:
            self.assertIn(variable, told)
        self.assertNotIn(SECRET, told)


class AgentCase(harness.Case):
    """The agent's container as a definition has it, beside another of the task; its root and its volumes lie as
    Docker lays them."""

    @classmethod
    def setUpClass(cls):
        keeper = harness.ClassKeeper(cls)
        cls.root = image.make(keeper, "docker/overlay2/root")
        cls.other = containers.Container(keeper, "application")
        text = (harness.SOURCE / "dist/proctor.conf").read_text()
        with open(f"{cls.root}/etc/proctor/audit.conf", "w", encoding="utf-8") as file:
            file.write(text[text.index("\n[exception "):])

    def volume(self, name):
        path = f"{self.root}/../../volumes/{self.id()}-{name}/_data"
        os.makedirs(path)
        os.chown(path, image.USER, image.USER)
        return os.path.normpath(path)

    def changes(self, kind):
        container = container_of(read(f"{kind}-awslogs"))
        volumes = {"proctor-state": self.volume(kind), "cgroup": "/sys/fs/cgroup"}
        joined = (lambda config: containers.without_namespace(config, "pid", "network")) if kind == "ec2-daemon" \
            else image.beside(self.other.pid)
        return image.by_definition(container, volumes), joined

    def assertHardened(self, findings, own, accepted):
        """Nothing above info but what is accepted, with its reason."""
        found = [finding for finding in findings if finding["rule"] != "limit.pids"  # which no definition can set
                 and own in (finding.get("container_id"), *finding.get("container_ids", ()))]
        self.assertTrue(found)
        serious = {finding["rule"]: finding.get("exception", {}).get("name") for finding in found
                   if finding["severity"] != "info"}
        self.comment(f"above info: {serious}")
        self.assertEqual([finding for finding in found if finding["severity"] != "info" and "exception" not in finding], [])
        self.assertLessEqual(set(serious), accepted)


SIDECAR = {"capability.beyond-default", "container.host-user", "file.capabilities", "process.permitted-not-effective"}
DAEMON = SIDECAR | {"container.host-network", "container.host-pid", "mount.host-path"}


@containers.needs_containers
@harness.needs(*image.COMMANDS)
@image.without_sanitizers
class AuditTest(AgentCase):
    """`proctor audit` in the agent's place: it has not locked itself in, so that no_new_privs is off."""

    def audit(self, kind):
        changes = self.changes(kind)
        result = image.run(self, self.root, "audit", "--config", "/etc/proctor/audit.conf", "--format", "json",
                           changes=changes)
        self.assertEqual(result.returncode, 0, result.stderr)
        told = json.loads(result.stdout)
        self.validate(told)
        own = [container for container in told["containers"] if container["auditor"]][0]
        findings = [finding for finding in told["findings"] if finding["rule"] != "process.new-privileges-allowed"]
        return findings, own["id"]

    def test_sidecars(self):
        for kind in ("fargate-sidecar", "ec2-sidecar"):
            with self.subTest(kind):
                self.assertHardened(*self.audit(kind), SIDECAR)

    def test_daemon(self):
        self.assertHardened(*self.audit("ec2-daemon"), DAEMON)


@containers.needs_containers
@harness.needs(*image.COMMANDS)
@image.needs_agent
@image.without_sanitizers
class AgentTest(AgentCase):
    """The agent itself, which has locked itself in: what it tells of its own container."""

    def start(self, kind):
        agent = image.Started(self, self.root, "agent", changes=self.changes(kind))
        self.wait_for(lambda: agent.ended() or agent.records("heartbeat"))
        self.assertFalse(agent.ended(), agent.log())
        return agent

    def check(self, kind, accepted):
        agent = self.start(kind)
        findings = [record["finding"] for record in agent.records("finding")]
        own = [finding for finding in findings if finding.get("exception", {}).get("name") == "agent-capabilities"]
        self.assertEqual(len(own), 1, findings)
        self.assertHardened(findings, own[0]["container_id"], accepted)
        self.assertEqual(agent.execute("health"), 0)
        agent.terminate()
        self.wait_for(agent.ended)
        self.assertEqual(agent.process.returncode, 0, agent.log())

    def test_fargate_sidecar(self):
        self.check("fargate-sidecar", SIDECAR)

    def test_ec2_sidecar(self):
        self.check("ec2-sidecar", SIDECAR)

    def test_ec2_daemon(self):
        self.check("ec2-daemon", DAEMON)


if __name__ == "__main__":
    harness.main()
