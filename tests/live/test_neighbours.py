"""Seven docker containers at once: each fault is told of the container that has it, by its name, and of no other."""

import os
import re
import shutil

import dockerd
import harness
from containers import make_root
from dockerd import Dockerd

HARDENED = ("--cap-drop", "ALL", "--read-only", "--security-opt", "no-new-privileges", "--memory", "64m",
            "--memory-swap", "64m", "--cpus", "0.5", "--pids-limit", "64")

# Image and options of each. Whether a cgroup namespace is given by default depends on the machine.
CONTAINERS = {
    "plain": ("shop/web:1", ()),
    "hardened": ("shop/app:1", HARDENED),
    "tracer": ("shop/web:1", ("--pid", "host", "--cap-add", "SYS_PTRACE")),
    "keeper": ("shop/web:1", ("-v", "{socket}:/var/run/docker.sock", "-v", "/etc:/host/etc")),
    "admin": ("shop/web:1", ("--security-opt", "seccomp=unconfined", "--cap-add", "SYS_ADMIN")),
    "setuid": ("shop/setuid:1", ()),
    "setuid-closed": ("shop/setuid:1", ("--security-opt", "no-new-privileges")),
}

SETUID = "/home/become"
IMAGES = {"shop/web:1": (), "shop/app:1": ("USER 10001:10001",), "shop/setuid:1": ("USER 10001:10001",)}

# What a container has that is given no settings, and one whose process is root besides.
UNSET = {"image.network-tool": "low", "image.shell": "low", "limit.cpu": "low", "limit.memory": "medium",
         "limit.pids": "medium", "mount.writable-root": "low"}
ROOT = {**UNSET, "container.host-user": "low", "mount.writable-root": "medium", "process.root-user": "medium"}
DEFAULT_SET = {"capability.default-set": "low"}

# All that is worse than information, of each.
EXPECTED = {
    "plain": {**ROOT, **DEFAULT_SET},
    "hardened": {},
    "tracer": {**ROOT, "process.root-user": "critical", "capability.beyond-default": "critical",
               "container.host-pid": "critical"},
    "keeper": {**ROOT, **DEFAULT_SET, "mount.runtime-socket": "critical", "mount.host-path": "critical"},
    "admin": {**ROOT, "process.root-user": "critical", "capability.beyond-default": "critical",
              "process.no-seccomp": "high"},
    "setuid": {**UNSET, "file.setuid": "high", "capability.bounding-open": "low",
               "process.new-privileges-allowed": "low", "process.root-regain": "low"},
    "setuid-closed": UNSET,
}


@harness.needs_root
@harness.needs(*dockerd.COMMANDS)
class NeighboursTest(harness.Case):
    @classmethod
    def setUpClass(cls):
        cls.dockerd = Dockerd(harness.ClassKeeper(cls))
        for image, changes in IMAGES.items():
            cls.dockerd.build(image, cls.root(image), *changes)
        cls.ids = {name: cls.start(name, image, options) for name, (image, options) in CONTAINERS.items()}
        cls.names = {identity: name for name, identity in cls.ids.items()}
        cls.audited = cls("test_findings").document("audit", "--docker-socket", cls.dockerd.socket)

    @classmethod
    def root(cls, image):
        root = f"{cls.dockerd.place}/{image.replace('/', '-')}"
        make_root(root)
        if "setuid" in image:
            shutil.copy(f"{root}/bin/busybox", root + SETUID)
            os.chmod(root + SETUID, 0o4755)
        return root

    @classmethod
    def start(cls, name, image, options):
        options = [option.format(socket=cls.dockerd.socket) for option in options]
        return cls.dockerd.run("--network", "none", "--cgroupns", "private", "--name", name, *options, image,
                               "/bin/busybox", "sleep", "86400")

    def image_id(self, image):
        return self.dockerd.docker("image", "inspect", "--format", "{{.Id}}", image).stdout.decode().strip()

    def findings(self):
        """The findings of each of the seven, a merged one at each that it is told of."""
        told = {name: [] for name in CONTAINERS}
        for finding in self.audited["findings"]:
            for identity in {finding.get("container_id"), *finding.get("container_ids", ())} & set(self.names):
                told[self.names[identity]].append(finding)
        return told

    def test_findings(self):
        """Exactly what is expected of each."""
        for name, findings in self.findings().items():
            with self.subTest(name):
                self.assertEqual({finding["rule"]: finding["severity"] for finding in findings
                                  if finding["severity"] != "info"}, EXPECTED[name])

    def test_findings_name_their_container(self):
        """A finding of one container has its name, its image and its process."""
        for name, findings in self.findings().items():
            image, _ = CONTAINERS[name]
            init = int(self.dockerd.docker("inspect", "--format", "{{.State.Pid}}", self.ids[name]).stdout)
            for finding in findings:
                with self.subTest(name, rule=finding["rule"]):
                    self.assertNotIn("container_ids", finding, "each has a name of its own")
                    self.assertEqual((finding["container_id"], finding["container_name"], finding["image"]),
                                     (self.ids[name], name, image))
                    self.assertEqual(finding["subject"]["pids"], [] if "file" in finding["rule"] else [init])

    def test_containers(self):
        told = {container["id"]: container for container in self.audited["containers"]}
        for name, (image, _) in CONTAINERS.items():
            with self.subTest(name):
                container = told[self.ids[name]]
                self.assertEqual((container["name"], container["image"], container["image_id"]),
                                 (name, image, self.image_id(image)))

    def test_setuid_that_is_closed(self):
        """The same file of the same image is there for information, with the reason."""
        for name, severity, words in (("setuid", "high", "root"), ("setuid-closed", "info", "no_new_privs")):
            found = [finding for finding in self.findings()[name] if finding["rule"] == "file.setuid"]
            self.assertEqual([(finding["subject"]["path"], finding["severity"]) for finding in found],
                             [(SETUID, severity)])
            self.assertIn(words, found[0]["why"])

    def test_table(self):
        """Beneath the heading of each, which has its name and image, stands its own and nothing else; what has
        nothing worse than information has no heading."""
        table = self.proctor("audit", "--docker-socket", self.dockerd.socket).stdout.decode()
        for name, (image, _) in CONTAINERS.items():
            with self.subTest(name):
                blocks = re.findall(rf"(?m)^{name} \({image}, docker, 1 process\)\n((?:  .*\n)*)", table)
                rules = [re.findall(r"(?m)^  ([A-Z]+) +([a-z.-]+):", block) for block in blocks]
                expected = sorted((severity.upper(), rule) for rule, severity in EXPECTED[name].items())
                self.assertEqual([sorted(found) for found in rules], [expected] if expected else [])


if __name__ == "__main__":
    harness.main()
