"""The proof of --remediate: containers with each fault are audited, changed as it proposes, started again by the
changed settings, and audited again. What it said it closes is gone, and the program still answers."""

import json
import os
import re
import shlex
import shutil
import subprocess

import containers
import dockerd
import harness
from containers import Container, make_root

PORT = 8000 + os.getpid() % 1000
WORSE = ("low", "medium", "high", "critical")


def executable(name):
    """What a container runs: those without a name and an image are told apart by it."""
    return f"/srv/{name}-{os.getpid()}/busybox"


def server(name):
    """An HTTP server on the loopback address, whatever the network."""
    serve = [executable(name), "httpd", "-f", "-p", f"127.0.0.1:{PORT}", "-h", "/www"]
    if name != "writes":
        return serve
    return [executable(name), "sh", "-c", "echo started >>/data/log && exec " + shlex.join(serve)]


def prepare(root):
    os.makedirs(f"{root}/www")
    os.makedirs(f"{root}/data")
    with open(f"{root}/www/index.html", "w", encoding="ascii") as file:
        file.write("it answers\n")
    for name in ("chmod", "rm"):
        os.symlink("busybox", f"{root}/bin/{name}")


def set_uid(path):
    def change(root):
        shutil.copy(f"{root}/bin/busybox", root + path)
        os.chmod(root + path, 0o4755)
    return change


def with_capability(path):
    """A program with a file capability, and setcap(8) with its libraries to take that away."""
    def change(root):
        shutil.copy(f"{root}/bin/busybox", root + path)
        setcap = harness.find_command("setcap")
        subprocess.run([setcap, "cap_net_raw=ep", root + path], check=True)
        shutil.copy(setcap, f"{root}/bin/setcap")
        libraries = subprocess.run(["ldd", setcap], stdout=subprocess.PIPE, check=True).stdout.decode()
        for library in re.findall(r"(/\S+) \(0x", libraries):
            os.makedirs(os.path.dirname(root + library), exist_ok=True)
            shutil.copy(library, root + library)
    return change


class Proof(harness.Case):
    """Audits and compares; what is started, and how, is told by the tests."""
    arguments = ()  # by which the audit knows who the containers are

    def plan(self, identity, target, *arguments):
        document = self.document("audit", "--container", identity, "--remediate", target, *self.arguments,
                                 *arguments)
        plans = [plan for plan in document["plans"] if plan["container_id"] == identity]
        self.assertEqual(len(plans), 1)
        severities = {finding["id"]: finding["severity"] for finding in document["findings"]}
        for change in plans[0]["changes"]:
            self.assertTrue(change["closes"] or change["lowers"], f"{change['change']} is for nothing")
            self.assertLessEqual({*change["closes"], *change["lowers"]}, set(severities))
        told = {name for change in plans[0]["changes"] for name in (*change["closes"], *change["lowers"])}
        left = {item["finding"] for item in plans[0]["left"]}
        self.assertEqual({name for name, severity in severities.items() if severity in WORSE} - told, left,
                         "each finding is closed or left")
        return plans[0], document

    def assertProven(self, plan, identity, more=frozenset()):
        """In the container as it is started now, what the plan closes is gone, what it lowers is information, and
        nothing new has come, but for `more` rules, which say nothing of root."""
        document = self.document("audit", "--container", identity, *self.arguments)
        now = {finding["id"]: finding for finding in document["findings"]}
        rules = {finding["id"]: finding["rule"] for finding in document["findings"]}
        closed = {name for change in plan["changes"] for name in change["closes"]}
        lowered = {name for change in plan["changes"] for name in change["lowers"]}
        self.assertTrue(closed | lowered)
        self.assertEqual([rules[name] for name in closed & set(now)], [], "said to be closed")
        self.assertEqual([rules[name] for name in lowered & set(now) if now[name]["severity"] != "info"], [],
                         "said to be lowered")
        worse = {finding["rule"] for finding in now.values() if finding["severity"] in WORSE}
        self.assertLessEqual(worse, {item["rule"] for item in plan["left"]} | more)

    def assertAnswers(self, pid):
        """Asked from its own network namespace."""
        command = ("nsenter", "--net", "--target", pid, "busybox", "wget", "-q", "-O", "-",
                   f"http://127.0.0.1:{PORT}/")
        self.wait_for(lambda: not os.path.exists(f"/proc/{pid}") or
                      self.run_command(*command).stdout == b"it answers\n")
        self.assertTrue(os.path.exists(f"/proc/{pid}"), "it has ended")


# ---- docker --------------------------------------------------------------------------------------------

# Options as (name, value) of containers that each have a fault, beside those that every one has by default.
FAULTS = {
    "plain": [],
    "capabilities": [("--cap-add", "SYS_PTRACE"), ("--cap-add", "NET_ADMIN")],
    "admin": [("--cap-add", "SYS_ADMIN"), ("--security-opt", "seccomp=unconfined")],
    "namespaces": [("--pid", "host"), ("--ipc", "host"), ("--uts", "host")],
    "network": [("--network", "host")],
    "mounts": [("--volume", "/etc:/host/etc")],
    "socket": [("--volume", "SOCKET:/var/run/docker.sock")],
    "unmasked": [("--security-opt", "systempaths=unconfined")],
    "device": [("--device", "/dev/kmsg")],
    "set-uid": [("--user", "1000:1000")],
    "writes": [],
}


def without(options, leave_out):
    """The options but for those that the plan names: by option and value, a volume by its place within."""
    left = []
    for name, value in options:
        same = [item.partition(" ") for item in leave_out]
        if not any(option == name and (value == told or (name in ("--volume", "--device") and
                                                         value.endswith(":" + told.rpartition(":")[2]))
                                       or (name == "--device" and value == told))
                   for option, _, told in same):
            left.append((name, value))
    return left


def replaced(options, more):
    """The options, and more of them: one that can be given once replaces the one before."""
    names = {word for word in more if word == "--user"}
    words = [word for option in options if option[0] not in names for word in option]
    if "--network" not in words:
        words += ["--network", "none"]
    return [*words, *more]


@harness.needs_root
@harness.needs(*dockerd.COMMANDS, "git", "nsenter", "setcap")
class Docker(Proof):
    @classmethod
    def setUpClass(cls):
        cls.dockerd = dockerd.Dockerd(harness.ClassKeeper(cls))
        cls.arguments = ("--docker-socket", cls.dockerd.socket)
        root = f"{cls.dockerd.place}/root"
        make_root(root, *map(executable, FAULTS))
        prepare(root)
        cls.root = root
        cls.dockerd.build("proctor-plain", root)
        cls.dockerd.build("proctor-set-uid", cls.copy_of_root(cls.dockerd, set_uid("/bin/su")))

    @classmethod
    def copy_of_root(cls, daemon, change):
        root = f"{daemon.place}/changed"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(cls.root, root, symlinks=True)
        change(root)
        return root

    def start(self, name, words, image=None):
        self.dockerd.docker("rm", "--force", f"proctor-{name}")
        image = image or ("proctor-set-uid" if name == "set-uid" else "proctor-plain")
        identity = self.dockerd.run("--name", f"proctor-{name}", *words, image, *server(name))
        self.undo(self.dockerd.docker, "rm", "--force", identity)
        pid = int(self.dockerd.docker("inspect", "--format", "{{.State.Pid}}", identity).stdout)
        self.assertAnswers(pid)
        return identity

    def options(self, name):
        return [(option, value.replace("SOCKET", self.dockerd.socket)) for option, value in FAULTS[name]]

    def test_options_of_docker_run(self):
        for name in FAULTS:
            with self.subTest(name):
                options = self.options(name)
                identity = self.start(name, replaced(options, []))
                plan, _ = self.plan(identity, "docker")
                added = shlex.split(plan["text"].replace("\\\n", " "))
                self.assertEqual(added, plan["fragment"]["options"])
                words = replaced(without(options, plan["leave_out"]), added)
                self.assertProven(plan, self.start(name, words))

    def test_compose(self):
        """Parsed as YAML, and made options of docker run by what the Compose specification says."""
        yaml = self.yaml()
        for name in ("plain", "capabilities"):
            with self.subTest(name):
                options = self.options(name)
                identity = self.start(name, replaced(options, []))
                plan, _ = self.plan(identity, "compose")
                document = yaml.safe_load(plan["text"])
                self.assertEqual(document, plan["fragment"])
                service, = document["services"].values()
                leave_out = [item.replace("cap_add: ", "--cap-add ") for item in plan["leave_out"]]
                words = replaced(without(options, leave_out), compose_words(service))
                self.assertProven(plan, self.start(name, words))

    def yaml(self):
        try:
            import yaml
        except ImportError:
            self.skipTest("needs python3-yaml")
        return yaml

    def test_kubernetes_is_yaml(self):
        """No kubelet runs here: the fragment is parsed, and says what the pod needs."""
        identity = self.start("writes", replaced([], []))
        plan, _ = self.plan(identity, "kubernetes")
        document = self.yaml().safe_load(plan["text"])
        self.assertEqual(document, plan["fragment"])
        container, = document["spec"]["containers"]
        self.assertEqual(container["securityContext"], {
            "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001,
            "readOnlyRootFilesystem": True})
        self.assertEqual(container["volumeMounts"], [{"name": "writable-1", "mountPath": "/data"}])
        self.assertEqual(document["spec"]["volumes"], [{"name": "writable-1", "emptyDir": {"sizeLimit": "64Mi"}}])

    def test_dockerfile(self):
        """Its lines are carried out in the image's root, of which an image is made anew."""
        for path, change in (("/bin/su", set_uid), ("/srv/an odd name", set_uid), ("/bin/ping", with_capability)):
            with self.subTest(path):
                root = self.copy_of_root(self.dockerd, change(path))
                self.dockerd.build("proctor-fault", root, "USER 1000:1000")
                identity = self.start("set-uid", replaced([], []), "proctor-fault")
                plan, _ = self.plan(identity, "dockerfile")
                changes = self.carry_out(root, plan["text"].splitlines())
                self.assertEqual(changes[-1], "USER 1000:1000", "as before")
                self.assertFalse(os.stat(root + path).st_mode & 0o6000)
                self.assertEqual(os.listxattr(root + path), [])
                self.dockerd.build("proctor-mended", root, changes[-1])
                self.assertProven(plan, self.start("set-uid", replaced([], []), "proctor-mended"))

    def test_dockerfile_of_a_root_user(self):
        identity = self.start("plain", replaced([], []))
        plan, _ = self.plan(identity, "dockerfile")
        self.assertEqual(plan["text"], "USER 10001:10001\n")
        self.dockerd.build("proctor-mended", self.root, *plan["text"].splitlines())
        self.assertProven(plan, self.start("plain", replaced([], []), "proctor-mended"), more={
            "process.new-privileges-allowed", "capability.bounding-open"})

    def carry_out(self, root, lines):
        for line in lines:
            instruction, _, rest = line.partition(" ")
            self.assertIn(instruction, ("RUN", "USER"))
            if instruction == "RUN":
                done = self.run_command("chroot", root, "/bin/busybox", "sh", "-c", rest, env={"PATH": "/bin"})
                self.assertEqual((done.returncode, done.stderr), (0, b""), line)
        return [line for line in lines if line.startswith("USER ")]

    # ---- ecs, on docker ---------------------------------------------------------------------------------

    DEFINITIONS = {
        "plain": {},
        "writes": {},
        "capabilities": {"container": {"linuxParameters": {"initProcessEnabled": False, "capabilities": {
            "add": ["SYS_PTRACE"], "drop": ["MKNOD"]}}}},
        "namespaces": {"pidMode": "host", "ipcMode": "host"},
        "network": {"networkMode": "host", "container": {"portMappings": [
            {"containerPort": 80, "hostPort": 80}]}},
        "mounts": {"container": {"mountPoints": [{"sourceVolume": "etc", "containerPath": "/host/etc"}]},
                   "volumes": [{"name": "etc", "host": {"sourcePath": "/etc"}}]},
        "device": {"container": {"linuxParameters": {"devices": [{"hostPath": "/dev/kmsg"}]}}},
    }

    def definition(self, name):
        """As describe-task-definition prints it."""
        members = json.loads(json.dumps(self.DEFINITIONS[name]))
        container = {"name": f"proctor-{name}", "image": "proctor-plain", "essential": True,
                     "command": server(name), "environment": [{"name": "x", "value": "\u00fc"}],
                     **members.pop("container", {})}
        return {"taskDefinition": {
            "taskDefinitionArn": "arn:aws:ecs:eu-central-1:1:task-definition/shop:42", "family": "shop",
            "revision": 42, "status": "ACTIVE", "containerDefinitions": [container],
            "requiresAttributes": [], "compatibilities": ["EC2"], "registeredAt": "2026-11-24", **members,
            "aMemberOfTheFuture": {"b": 1, "a": [True, None, 1.5]}}, "tags": [{"key": "k", "value": "v"}]}

    def test_ecs(self):
        for name in self.DEFINITIONS:
            with self.subTest(name):
                place = self.scratch()
                with open(f"{place}/given.json", "w", encoding="utf-8") as file:
                    json.dump(self.definition(name), file, ensure_ascii=False)
                given = self.definition(name)["taskDefinition"]
                identity = self.start(name, ecs_words(given))
                plan, document = self.plan(identity, "ecs", "--task-definition", f"{place}/given.json",
                                           "--write-task-definition", f"{place}/new.json")
                with open(f"{place}/new.json", encoding="utf-8") as file:
                    new = json.load(file)
                self.assertEqual(document["task_definition"]["definition"], new)
                self.assertRegisters(given, new)
                self.assertProven(plan, self.start(name, ecs_words(new)))
                self.assertDiff(document["task_definition"]["diff"], given, new)

    def assertRegisters(self, given, new):
        """Nothing that register-task-definition refuses; all else as it was, in its order."""
        refused = {"taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities",
                   "registeredAt", "registeredBy", "deregisteredAt"}
        self.assertFalse(refused & set(new))
        self.assertEqual(new["aMemberOfTheFuture"], given["aMemberOfTheFuture"])
        self.assertEqual(new["tags"], [{"key": "k", "value": "v"}])
        self.assertEqual(new["containerDefinitions"][0]["environment"], [{"name": "x", "value": "\u00fc"}])
        before = [name for name in given if name not in refused and name in new]
        self.assertEqual([name for name in new if name in before], before)

    def assertDiff(self, diff, given, new):
        """git apply makes the one of the other."""
        place = self.scratch()
        refused = {"taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities",
                   "registeredAt"}
        before = {name: value for name, value in given.items() if name not in refused}
        before["tags"] = [{"key": "k", "value": "v"}]
        with open(f"{place}/file", "w", encoding="ascii") as file:
            file.write(json.dumps(before, indent=4).replace("\\u00fc", "\\u00FC") + "\n")
        lines = ["--- file", "+++ file", *diff.split("\n")[2:]]
        result = self.run_command("git", "apply", "-p0", "-", cwd=place, input="\n".join(lines).encode())
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(f"{place}/file", encoding="ascii") as file:
            self.assertEqual(json.load(file), new)

    def test_no_such_container_in_the_task_definition(self):
        place = self.scratch()
        identity = self.start("plain", replaced([], []))
        given = self.definition("plain")["taskDefinition"]
        given["containerDefinitions"] *= 2
        for container, name in zip(given["containerDefinitions"], ("other", "another")):
            given["containerDefinitions"][name == "another"] = {**container, "name": name, "image": name}
        with open(f"{place}/given.json", "w", encoding="utf-8") as file:
            json.dump(given, file)
        result = self.proctor("audit", "--container", identity, "--remediate", "ecs", "--task-definition",
                              f"{place}/given.json", status=3)
        self.assertOneLine(result.stderr, "no container definition is that of container")


def compose_words(service):
    """Options of docker run for the members of a service that fragments have."""
    words = []
    for name, value in service.items():
        for item in value if isinstance(value, list) else [value]:
            option = {"cap_drop": "--cap-drop", "user": "--user", "security_opt": "--security-opt",
                      "ipc": "--ipc", "cgroup": "--cgroupns", "tmpfs": "--tmpfs", "mem_limit": "--memory",
                      "memswap_limit": "--memory-swap", "cpus": "--cpus", "pids_limit": "--pids-limit",
                      "read_only": "--read-only"}[name]
            words += [option] if item is True else [option, str(item)]
    return words


def ecs_words(definition):
    """What the ECS agent makes of a task definition, as options of docker run: amazon-ecs-agent,
    agent/api/task/task.go."""
    container, = definition["containerDefinitions"]
    linux = container.get("linuxParameters", {})
    capabilities = linux.get("capabilities", {})
    volumes = {volume["name"]: volume for volume in definition.get("volumes", [])}
    words = ["--network", "host" if definition.get("networkMode") == "host" else "none"]
    for mode in ("pidMode", "ipcMode"):
        if definition.get(mode) == "host":
            words += ["--" + mode[:3], "host"]
    for name in capabilities.get("add", []):
        words += ["--cap-add", name]
    for name in capabilities.get("drop", []):
        words += ["--cap-drop", name]
    for tmpfs in linux.get("tmpfs", []):
        words += ["--tmpfs", f"{tmpfs['containerPath']}:" + ",".join(
            [f"size={tmpfs['size']}m", *tmpfs.get("mountOptions", [])])]
    for device in linux.get("devices", []):
        words += ["--device", device["hostPath"]]
    for option in container.get("dockerSecurityOptions", []):
        words += ["--security-opt", option]
    for mount in container.get("mountPoints", []):
        source = volumes[mount["sourceVolume"]]["host"]["sourcePath"]
        words += ["--volume", f"{source}:{mount['containerPath']}" + (":ro" if mount.get("readOnly") else "")]
    if container.get("readonlyRootFilesystem"):
        words += ["--read-only"]
    if "user" in container:
        words += ["--user", container["user"]]
    if "memory" in container:
        words += ["--memory", f"{container['memory']}m"]
    if container.get("cpu"):
        words += ["--cpu-shares", str(container["cpu"])]
    return words


# ---- privileged, on runc -------------------------------------------------------------------------------

def runc_change(definition, name):
    """A change of a runc configuration by a container definition, as docker would make it."""
    def change(config):
        capabilities = definition.get("linuxParameters", {}).get("capabilities", {})
        config["process"]["args"] = server(name)
        if definition.get("privileged"):
            containers.privileged(config)
        if "ALL" in capabilities.get("drop", []):
            containers.grant(config, [])
        if "user" in definition:
            uid, gid = map(int, definition["user"].split(":"))
            config["process"]["user"] = {"uid": uid, "gid": gid}
            containers.grant(config, [], "effective", "permitted")
        config["root"]["readonly"] = definition.get("readonlyRootFilesystem", False)
        config["process"]["noNewPrivileges"] = "no-new-privileges" in definition.get(
            "dockerSecurityOptions", [])
        if "memory" in definition:
            limit = definition["memory"] << 20
            config["linux"]["resources"]["memory"] = {"limit": limit, "swap": limit}
        if "cpu" in definition:
            config["linux"]["resources"]["cpu"] = {"shares": definition["cpu"]}
        for tmpfs in definition.get("linuxParameters", {}).get("tmpfs", []):
            config["mounts"].append(containers.mount(tmpfs["containerPath"], "tmpfs"))
    return change


@containers.needs_containers
class Privileged(Proof):
    def start(self, definition, name):
        container = Container(self, name, runc_change(definition, name), prepare=prepare)
        self.assertAnswers(container.pid)
        return container

    def test_privileged(self):
        """The fragment is merged into the container definition as it stands there."""
        name = "privileged"
        definition = {"name": name, "privileged": True}
        before = self.start(definition, name)
        plan, _ = self.plan(before.id, "ecs")
        self.assertIn("container.privileged", plan["changes"][0]["rules"])
        before.delete()
        definition.update(plan["fragment"]["containerDefinitions"][0])
        self.assertProven(plan, self.start(definition, name).id)

    def test_privileged_in_a_task_definition(self):
        name, place = "defined", self.scratch()
        given = {"family": "shop", "containerDefinitions": [{"name": name, "privileged": True}]}
        with open(f"{place}/given.json", "w", encoding="utf-8") as file:
            json.dump(given, file)
        before = self.start(given["containerDefinitions"][0], name)
        plan, document = self.plan(before.id, "ecs", "--task-definition", f"{place}/given.json")
        before.delete()
        definition, = document["task_definition"]["definition"]["containerDefinitions"]
        self.assertEqual(definition["privileged"], False)
        self.assertProven(plan, self.start(definition, name).id)

    def test_nothing_to_change(self):
        container = Container(self, "clean", containers.hardened,
                              lambda config: config["process"].update(args=[executable("clean"), "cat"]))
        text = self.proctor("audit", "--container", container.id, "--remediate", "docker").stdout.decode()
        self.assertEqual(text, "There is nothing to change.\n")

    def test_accepted_findings_are_left_as_they_are(self):
        container = Container(self, "accepted", containers.hardened,
                              lambda config: config["root"].update(readonly=False))
        config = f"{self.scratch()}/config"
        with open(config, "w", encoding="ascii") as file:
            file.write("[exception root]\nrule = mount.writable-root\npath = /\nreason = it writes\n")
        arguments = ("audit", "--container", container.id, "--remediate", "docker")
        self.assertIn(b"--read-only", self.proctor(*arguments).stdout)
        left = self.proctor(*arguments, "--config", config).stdout
        self.assertIn(b"it is in the image", left)  # busybox is there, and the root can be written to
        self.assertNotIn(b"--read-only", left)

    def test_lines(self):
        container = Container(self, "lines")
        records = self.lines("audit", "--container", container.id, "--remediate", "docker")
        types = [record["type"] for record in records]
        self.assertEqual((types[0], types[-1], types.count("plan")), ("header", "summary", 1))


# ---- what is wrong ---------------------------------------------------------------------------------------

class Wrong(harness.Case):
    def test_usage(self):
        for words in (["--remediate", "terraform"], ["--task-definition", "x"], ["--write-task-definition", "x"],
                      ["--remediate", "docker", "--task-definition", "x"],
                      ["--remediate", "ecs", "--write-task-definition", "x"]):
            with self.subTest(words=words):
                self.assertOneLine(self.proctor("audit", *words, status=2).stderr)

    def test_task_definitions(self):
        path = f"{self.scratch()}/given.json"
        for text, told in (("", ":1:0: "), ("{\n \"a\": 1,\n}", ":3:1: "), ("[]", "no containerDefinitions"),
                           ("{}", "no containerDefinitions"), ("{\"a\": 1, \"a\": 2}", "duplicate"),
                           ("{\"containerDefinitions\": [1]}", "containerDefinitions[0] has no name"),
                           ("{\"containerDefinitions\": []}", "no containerDefinitions"),
                           ("{\"containerDefinitions\": {\"name\": \"x\"}}", "no containerDefinitions"),
                           ("[" * 100000, "maximum parsing depth"), (" " * (5 << 20), "more than 4194304 bytes")):
            with self.subTest(text=text[:40]):
                with open(path, "w", encoding="ascii") as file:
                    file.write(text)
                result = self.proctor("audit", "--remediate", "ecs", "--task-definition", path, status=3)
                self.assertOneLine(result.stderr, told)
                self.assertEqual(result.stdout, b"")
        result = self.proctor("audit", "--remediate", "ecs", "--task-definition", "-", status=3, input=b"{")
        self.assertOneLine(result.stderr, "standard input:1:")


if __name__ == "__main__":
    harness.main()
