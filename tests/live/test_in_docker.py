"""Proctor in a docker container: as a sidecar that shares the pid namespace of a task, as ECS has it, and as a
daemon that sees the host from a mount namespace of its own."""

import ctypes
import json
import os
import shutil
import subprocess
import unittest

import dockerd
import harness
from containers import add_proctor, make_root
from dockerd import Dockerd
from stand_in import StandIn, document

TASK = "0123456789abcdef0123456789abcdef"
ARN = f"arn:aws:ecs:eu-west-1:1:task/prod/{TASK}"
SETUID, CLOSED = "/home/become", "/home/closed/become"  # the second one in a directory that only its owner lists


def curl():
    """The path of libcurl, which Proctor loads when there is somebody to ask, in a list; empty: not installed."""
    try:
        ctypes.CDLL("libcurl.so.4")
    except OSError:
        return []
    with open("/proc/self/maps", encoding="utf-8") as maps:
        return [f"{os.path.dirname(line.split()[-1])}/libcurl.so.4" for line in maps if "/libcurl.so.4" in line][:1]


needs_curl = unittest.skipUnless(curl(), "not installed: libcurl.so.4")


def described(identity, name, **more):
    """A container as the task metadata endpoint has it."""
    return {"DockerId": identity, "Name": name, "DockerName": f"ecs-shop-42-{name}-a0", "Image": f"registry/{name}:42",
            "ImageID": "sha256:" + "3" * 64, **more}


class InDockerCase(harness.Case):
    @classmethod
    def setUpClass(cls):
        cls.dockerd = Dockerd(harness.ClassKeeper(cls))
        for image in ("application", "proctor", "proctor-curl"):
            root = f"{cls.dockerd.place}/{image}"
            make_root(root)
            if image == "application":
                cls.add_setuid(root)
            else:
                add_proctor(root, *(curl() if image == "proctor-curl" else ()))
            cls.dockerd.build(f"shop/{image}:1", root)

    @staticmethod
    def add_setuid(root):
        os.makedirs(root + os.path.dirname(CLOSED))
        for path in (SETUID, CLOSED):
            shutil.copy(f"{root}/bin/busybox", root + path)
            os.chmod(root + path, 0o4755)
        os.chown(root + os.path.dirname(CLOSED), 1000, 1000)
        os.chmod(root + os.path.dirname(CLOSED), 0o700)

    @classmethod
    def start(cls, name, image, *options, command=("/bin/busybox", "sleep", "86400")):
        return cls.dockerd.run("--network", "none", "--name", name, *options, f"shop/{image}:1", *command)

    def inside(self, container, *arguments, environment=()):
        """What Proctor, run in the container, says; its document is kept with its reasons."""
        options = [word for setting in ("ASAN_OPTIONS=detect_leaks=0", *environment) for word in ("--env", setting)]
        result = self.dockerd.docker("exec", *options, container, "/bin/proctor", "audit", *arguments, "--format", "json")
        self.assertEqual(result.returncode, 0, result.stderr[-2000:])
        told = json.loads(result.stdout)
        self.validate(told)
        self.reasons = {reason["reason"]: reason for collector in told["coverage"] for reason in collector["reasons"]}
        return told

    def assertReason(self, *words):
        found = [reason for text, reason in self.reasons.items() if all(word in text for word in words)]
        self.assertEqual(len(found), 1, self.reasons)
        return found[0]

    @classmethod
    def pid(cls, container):
        return int(cls.dockerd.docker("inspect", "--format", "{{.State.Pid}}", container).stdout)

    @staticmethod
    def files(told, container):
        """Path, origin of the files of a container that give privilege."""
        return [(file["path"], file.get("origin")) for file in told["files"] if file.get("container_id") == container]

    @staticmethod
    def tools(container):
        return [tool["path"] for tool in container["tools"]]


@harness.needs_root
@harness.needs(*dockerd.COMMANDS, "ldd")
class SidecarTest(InDockerCase):
    """In a cgroup namespace of its own, as cgroup v2 has it by default: its own path is `/`, the others' lead out
    of it."""

    CGROUPS, KIND = "private", "fargate"  # by the metadata's word, where the path does not tell

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        options = ("--cgroupns", cls.CGROUPS, "--cgroup-parent", f"/ecs/{TASK}")
        cls.checkout = cls.start("checkout-a0", "application", *options)
        cls.sidecar = cls.start("audit-a0", "proctor-curl", *options, "--pid", f"container:{cls.checkout}",
                                "--cap-add", "SYS_PTRACE")
        cls.outsider = cls.start("outsider", "application")

    def metadata(self, own=None):
        """What the sidecar is told by ECS: the variable, for a server in its network namespace."""
        server = StandIn(self, {
            "/v4/x": document(own or described(self.sidecar, "audit")),
            "/v4/x/task": document({
                "Cluster": "prod", "TaskARN": ARN, "Family": "shop", "Revision": "42", "LaunchType": "FARGATE",
                "AvailabilityZone": "eu-west-1a", "Containers": [
                    described(self.checkout, "checkout"), described(self.sidecar, "audit"),
                    described("f" * 64, "init", KnownStatus="STOPPED")]}),
        }, network=f"/proc/{self.pid(self.sidecar)}/ns/net")
        return [f"ECS_CONTAINER_METADATA_URI_V4={server.url}/v4/x"]

    def both(self, told):
        """The sidecar's own container and the other of the task."""
        self.assertEqual(len(told["containers"]), 2)
        own, other = sorted(told["containers"], key=lambda container: not container["auditor"])
        self.assertEqual((own["auditor"], other["auditor"]), (True, False))
        return own, other

    def test_view(self):
        """It sees the task, and says what that hides."""
        told = self.inside(self.sidecar)
        own, other = self.both(told)
        self.assertEqual(told["host"]["view"], "task")
        self.assertReason("only the containers that share this pid namespace")
        self.assertEqual(other["id"], self.checkout)
        self.assertIn(own["id"], [self.sidecar] if self.CGROUPS == "host" else [f"mnt-{self.mounts(self.sidecar)}"])
        self.assertEqual({process.get("container_id") for process in told["processes"]}, {own["id"], other["id"]})
        self.assertEqual({process["executable"] for process in told["processes"]}, {"/bin/busybox", "/bin/proctor"})

    def mounts(self, container):
        return os.stat(f"/proc/{self.pid(container)}/ns/mnt").st_ino

    def test_files_and_tools(self):
        """Its own and the other's, through the root of its processes, and none of the host's."""
        told = self.inside(self.sidecar)
        own, other = self.both(told)
        self.assertEqual((self.tools(own), self.tools(other)), (["/bin/busybox"], ["/bin/busybox"]))
        self.assertEqual(self.files(told, other["id"]), [(SETUID, None), (CLOSED, None)])
        self.assertEqual([file for file in told["files"] if file.get("container_id") != other["id"]], [])
        self.assertReason("overlay walked as it is merged", "the host's mounts are not seen")
        self.assertReason("what is of its image is not known")

    def test_findings(self):
        """Those of each container; what its runtime bound in is no path of the host's."""
        told = self.inside(self.sidecar)
        own, other = self.both(told)
        containers = {own["id"], other["id"]}
        rules = {identity: {finding["rule"] for finding in told["findings"] if identity in (
            finding.get("container_id"), *finding.get("container_ids", ()))} for identity in containers}
        self.assertIn("capability.beyond-default", rules[own["id"]])
        self.assertNotIn("capability.beyond-default", rules[other["id"]])
        self.assertIn("file.setuid", rules[other["id"]])
        self.assertNotIn("file.setuid", rules[own["id"]])
        for found in rules.values():
            self.assertLessEqual({"image.shell", "process.root-user", "mount.writable-root"}, found)
            self.assertFalse({"mount.host-path", "container.host-pid", "container.host-network"} & found)

    @needs_curl
    def test_task_metadata(self):
        """It names itself and the other, whether or not its own cgroup has its id."""
        told = self.inside(self.sidecar, environment=self.metadata())
        own, other = self.both(told)
        for container, name in ((own, "audit"), (other, "checkout")):
            self.assertEqual((container["name"], container["image"], container["kind"], container["sources"]),
                             (name, f"registry/{name}:42", self.KIND, ["ecs-task"]))
            self.assertEqual(container["task"], {
                "arn": ARN, "family": "shop", "revision": "42", "cluster": "prod", "launch_type": "FARGATE",
                "availability_zone": "eu-west-1a"})
        self.assertEqual(self.assertReason("no process is to be seen")["example"], "f" * 64)
        named = {finding["container_name"] for finding in told["findings"] if "container_name" in finding}
        self.assertEqual(named, {"audit", "checkout"})

    @needs_curl
    def test_own_answer_of_another_id(self):
        """It is believed only where the kernel tells no id."""
        told = self.inside(self.sidecar, environment=self.metadata(described("e" * 64, "another")))
        own, other = self.both(told)
        self.assertEqual((own["name"], other["name"]),
                         ("audit" if self.CGROUPS == "host" else "another", "checkout"))

    def test_without_libcurl(self):
        sidecar = self.start("no-curl", "proctor", "--pid", f"container:{self.checkout}")
        self.inside(sidecar, environment=["ECS_CONTAINER_METADATA_URI_V4=http://127.0.0.1:1/v4/x"])
        reason = self.assertReason("ECS task metadata was not asked: libcurl.so.4 is not installed")
        self.assertIn("libcurl4", reason["remedy"])


class SidecarInTheHostsCgroupsTest(SidecarTest):
    """As cgroup v1 has it by default: every path has its id."""

    CGROUPS, KIND = "host", "ecs"


@harness.needs_root
@harness.needs(*dockerd.COMMANDS, "ldd")
class DaemonTest(InDockerCase):
    """With the host's pid namespace and a root of its own: what each capability lets it see."""

    ALL = ("SYS_PTRACE", "DAC_READ_SEARCH", "SYS_ADMIN")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        copy = "/tmp/busybox-copy"
        script = f"/bin/busybox cp /bin/busybox {copy}; exec {copy} sleep 86400"
        cls.application = cls.start("application", "application", command=("/bin/sh", "-c", script))
        cls("test_all_of_it").wait_for(lambda: os.readlink(f"/proc/{cls.pid(cls.application)}/exe") == copy)

    def daemon(self, *capabilities):
        options = [word for capability in capabilities for word in ("--cap-add", capability)]
        return self.dockerd.run("--network", "none", "--pid", "host", "--cap-drop", "ALL", *options,
                                "shop/proctor-curl:1", "/bin/busybox", "sleep", "86400")

    def application_of(self, told):
        return [container for container in told["containers"] if container["id"] == self.application][0]

    def test_all_of_it(self):
        """By layers, through the host's mounts; who they are by the daemon's socket, in the host's root."""
        daemon = self.daemon(*self.ALL)
        socket = f"/proc/{os.getpid()}/root{self.dockerd.socket}"
        told = self.inside(daemon, "--docker-socket", socket)
        application = self.application_of(told)
        self.assertEqual(self.tools(application), ["/bin/busybox"])
        self.assertEqual(self.files(told, self.application), [(SETUID, "image"), (CLOSED, "image")])
        self.assertEqual(application["written"], ["/tmp/busybox-copy"])
        self.assertEqual([(program["path"], program["origin"]) for program in application["programs"]],
                         [("/tmp/busybox-copy", "run-time")])
        self.assertEqual(application["sources"], ["docker", "bundle"] if curl() else ["bundle"])
        self.assertEqual(application.get("name"), "application" if curl() else None)

    def test_view(self):
        """The host's, with who is in which container."""
        daemon = self.daemon("SYS_PTRACE")
        told = self.inside(daemon, "--no-collector", "filesystem")
        self.assertEqual(told["host"]["view"], "host")
        processes = {process["pid"]: process.get("container_id") for process in told["processes"]}
        self.assertEqual(processes[self.pid(self.application)], self.application)
        self.assertEqual(processes[self.pid(daemon)], daemon)
        self.assertIsNone(processes[os.getpid()])
        self.assertEqual([container["id"] for container in told["containers"] if container["auditor"]], [daemon])

    def test_without_sys_admin(self):
        """As the roots are merged: the same, but for where files come from."""
        told = self.inside(self.daemon(*self.ALL[:2]), "--container", self.application)
        self.assertEqual(self.tools(self.application_of(told)), ["/bin/busybox"])
        self.assertEqual(self.files(told, self.application), [(SETUID, None), (CLOSED, None)])
        self.assertReason("overlay walked as it is merged", "CAP_SYS_ADMIN")
        self.assertEqual([program["path"] for program in self.application_of(told)["programs"]], ["/tmp/busybox-copy"])

    def test_without_the_right_to_search(self):
        """Directories of others are not listed, and that is told."""
        told = self.inside(self.daemon("SYS_PTRACE"), "--container", self.application)
        self.assertEqual(self.tools(self.application_of(told)), ["/bin/busybox"])
        self.assertEqual(self.files(told, self.application), [(SETUID, None)])
        reason = self.assertReason("EACCES on a directory")
        self.assertEqual(reason["example"], os.path.dirname(CLOSED))
        self.assertIn("CAP_DAC_READ_SEARCH", reason["remedy"])

    def test_without_any(self):
        """Which containers there are is world readable; what is in them is not, and that is told."""
        told = self.inside(self.daemon(), "--container", self.application)
        application = self.application_of(told)
        self.assertNotIn("tools", application)
        self.assertEqual(told["files"], [])
        self.assertIn("CAP_SYS_PTRACE", self.assertReason("namespaces of a process")["remedy"])
        self.assertIn("CAP_SYS_PTRACE", self.assertReason("the host's root cannot be opened")["remedy"])


if __name__ == "__main__":
    harness.main()
