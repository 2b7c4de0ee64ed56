"""A real dockerd, started by the test on a directory and a socket of its own, and its containers."""

import os

import dockerd
import harness
from containers import make_root
from dockerd import Dockerd
from files import make
from harness import AUDIT, DOCKER_DEFAULT, mask, names

OPTIONS = {
    "default": (),
    "hardened": ("--user", "10001:10001", "--cap-drop", "ALL", "--read-only",
                 "--security-opt", "no-new-privileges", "--memory", "64m", "--memory-swap", "64m",
                 "--cpus", "0.5", "--pids-limit", "64",
                 "--cgroupns", "private"),
    "cap-add": ("--cap-add", "SYS_PTRACE"),
    "read-only": ("--read-only",),
    "unconfined": ("--security-opt", "seccomp=unconfined"),
    "host-pid": ("--pid", "host"),
    "bind": ("-v", "/etc:/host/etc"),
    "workers": (),
    "updated": ("--pids-limit", "32"),
    "drift": (),
    "writer": (),
}


def executable(name):
    """What a container runs: those without a name and an image are told apart by it."""
    return f"/srv/{name}-{os.getpid()}/busybox"


@harness.needs_root
@harness.needs(*dockerd.COMMANDS)
class DockerTest(harness.Case):
    @classmethod
    def setUpClass(cls):
        keeper = harness.ClassKeeper(cls)
        cls.dockerd = Dockerd(keeper)
        cls.docker = cls.dockerd.docker
        root = f"{cls.dockerd.place}/root"
        make_root(root, *map(executable, OPTIONS))
        make(f"{root}/bin/setuid", 0o4755)
        cls.dockerd.build("proctor-test", root)
        cls.ids = {name: cls.start(name, options) for name, options in OPTIONS.items()}
        cls.audited = cls("test_ids").document(*AUDIT, "--docker-socket", cls.dockerd.socket)

    @classmethod
    def start(cls, name, options):
        busybox = executable(name)
        command = [busybox, "sleep", "86400"]
        if name == "workers":
            command = [busybox, "sh", "-c", f"for i in 1 2 3; do {busybox} sleep 86400 & done; wait"]
        if name == "drift":
            script = f"{busybox} cp {busybox} {busybox}-new; exec {busybox}-new sleep 86400"
            command = [busybox, "sh", "-c", script]
        if name == "writer":
            command = [busybox, "sh", "-c", "echo >/etc/new; echo >>/etc/passwd; cat /etc/group >/tmp/t; "
                       f"{busybox} rm /tmp/t; {busybox} mkdir -p /srv/made/deep; exec {busybox} sleep 86400"]
        return cls.dockerd.run("--network", "none", "--name", f"proctor-{name}", *options, "proctor-test",
                               *command)

    def rules(self, name, severities=("info", "low", "medium", "high", "critical")):
        return {finding["rule"] for finding in self.audited["findings"]
                if self.ids[name] in (finding.get("container_id"), *finding.get("container_ids", ()))
                and finding["severity"] in severities}

    def processes(self, name):
        return [process for process in self.audited["processes"]
                if process.get("container_id") == self.ids[name]]

    def test_ids(self):
        """The id of the cgroup path is the one that docker gave; every process is in its container."""
        told = {container["id"]: container for container in self.audited["containers"]}
        for name, identity in self.ids.items():
            with self.subTest(name):
                init = int(self.docker("inspect", "--format", "{{.State.Pid}}", identity).stdout)
                self.assertEqual((told[identity]["runtime"], told[identity]["init_pid"]), ("docker", init))
                top = self.docker("top", identity, "-o", "pid").stdout.split()[1:]
                self.assertEqual(sorted(process["pid"] for process in self.processes(name)),
                                 sorted(map(int, top)))

    def test_names_and_images(self):
        """What docker calls it, and what it was declared to be."""
        told = {container["id"]: container for container in self.audited["containers"]}
        image = self.docker("image", "inspect", "--format", "{{.Id}}", "proctor-test").stdout.decode().strip()
        for name, identity in self.ids.items():
            with self.subTest(name):
                self.assertEqual((told[identity]["name"], told[identity]["image"], told[identity]["image_id"]),
                                 (f"proctor-{name}", "proctor-test", image))
                self.assertEqual(told[identity]["sources"], ["docker", "bundle"])
        declared = told[self.ids["hardened"]]["declared"]
        self.assertEqual(declared, {
            "user": "10001:10001", "readonly": True, "capabilities": [], "limits": {
                "memory": {"unlimited": False, "value": 64 << 20}, "cpu": {"unlimited": False, "value": 500},
                "pids": {"unlimited": False, "value": 64}}})
        self.assertEqual(told[self.ids["cap-add"]]["declared"]["capabilities"],
                         names(DOCKER_DEFAULT | mask("CAP_SYS_PTRACE")))

    def without_api(self, *arguments, **options):
        """The containers as told where nobody asks dockerd, by id."""
        document = self.document(*AUDIT, *arguments, **options)
        reasons = [reason for entry in document["coverage"] if entry["collector"] == "identity"
                   for reason in entry["reasons"] if "Docker" in reason["reason"]]
        self.assertEqual(reasons, [])
        return {container["id"]: container for container in document["containers"]}

    def test_names_without_the_api(self):
        """The same by dockerd's files alone, for root and for who may only read them."""
        capabilities = "+sys_ptrace,+dac_read_search"
        reader = ("setpriv", f"--reuid={harness.NOBODY}", f"--regid={harness.NOBODY}", "--clear-groups",
                  f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}")
        api = {container["id"]: container for container in self.audited["containers"]}
        for wrap in ((), reader):
            told = self.without_api(wrap=wrap, binary=self.binary(harness.NOBODY))
            for name, identity in self.ids.items():
                with self.subTest(name, wrap=wrap):
                    for field in ("name", "image", "image_id", "runtime", "kind", "declared", "labels"):
                        self.assertEqual(told[identity].get(field), api[identity].get(field), field)
                    self.assertEqual(told[identity]["sources"], ["docker-files", "bundle"])

    def test_labels_of_an_image(self):
        """An image does not choose whose container it is taken for; who starts it does."""
        self.dockerd.build("proctor-labelled", f"{self.dockerd.place}/root",
                           "LABEL com.amazonaws.ecs.container-name=trusted io.kubernetes.pod.namespace=prod "
                           "com.amazonaws.ecs.task-definition-family=shop")
        command = ("proctor-labelled", executable("default"), "sleep", "86400")
        plain = self.dockerd.run("--network", "none", "--name", "proctor-plain", *command)
        owned = self.dockerd.run("--network", "none", "--name", "proctor-owned", "--label",
                                 "com.amazonaws.ecs.container-name=web", *command)
        self.undo(self.docker, "rm", "--force", plain, owned)
        document = self.document(*AUDIT, "--docker-socket", self.dockerd.socket)
        for told in ({container["id"]: container for container in document["containers"]}, self.without_api()):
            self.assertEqual((told[plain]["name"], told[plain].get("task"), told[plain].get("pod")),
                             ("proctor-plain", None, None))
            self.assertEqual((told[owned]["name"], told[owned].get("task"), told[owned].get("pod")),
                             ("web", None, None))

    def test_containers_are_as_declared(self):
        self.assertNotIn("container.not-as-declared", {finding["rule"] for finding in self.audited["findings"]
                                                       if finding.get("container_id") in self.ids.values()})

    def test_a_limit_taken_away(self):
        """`docker update` changes what runs, and leaves the bundle as it was."""
        update = self.docker("update", "--pids-limit", "4096", self.ids["updated"])
        self.assertEqual(update.returncode, 0, update.stderr)
        document = self.document(*AUDIT, "--docker-socket", self.dockerd.socket)
        found = [finding for finding in document["findings"] if finding["rule"] == "container.not-as-declared"
                 and finding["container_name"] == "proctor-updated"]
        self.assertEqual([(finding["evidence"]["declared_pids"], finding["evidence"]["pids"]) for finding in found],
                         [(32, 4096)])

    def test_daemons_are_of_the_host(self):
        daemons = [process for process in self.audited["processes"]
                   if process["comm"] in ("dockerd", "containerd", "containerd-shim")]
        self.assertTrue(daemons)
        for process in daemons:
            self.assertNotIn("container_id", process, process["comm"])

    def test_layers(self):
        """The root of each container is walked by its layers, and shows what the merged mount does."""
        def files(document):
            return {(file["path"], file["container_id"]): file.get("origin") for file in document["files"]
                    if file.get("container_id") in self.ids.values()}

        merged = files(self.document("files", wrap=("setpriv", "--bounding-set", "-sys_admin")))
        document = self.document("files")
        found = files(document)
        self.assertEqual(set(found), set(merged))
        self.assertEqual(set(found.values()), {"image"})
        self.assertEqual(len(found), len(self.ids))
        reasons = [reason["reason"] for entry in document["coverage"] for reason in entry["reasons"]]
        self.assertEqual([reason for reason in reasons if "overlay" in reason], [])
        told = {container["id"]: container for container in document["containers"]}
        self.assertEqual(told[self.ids["default"]]["written"], [])
        self.assertEqual(told[self.ids["writer"]]["written"], ["/etc/new", "/etc/passwd", "/srv/made/", "/tmp/"])

    def test_capabilities(self):
        for name, expected in (("default", DOCKER_DEFAULT), ("hardened", 0),
                               ("cap-add", DOCKER_DEFAULT | mask("CAP_SYS_PTRACE"))):
            process = self.processes(name)[0]
            self.assertSets(process)
            self.assertEqual(process["capabilities"]["effective"], names(expected))
        table = self.proctor("ps", "-p", self.processes("cap-add")[0]["pid"]).stdout.decode()
        self.assertIn("docker-default +sys_ptrace", table)
        self.assertIn(self.ids["cap-add"][:12], table)

    def test_findings(self):
        default = self.rules("default")
        self.assertLessEqual({"process.root-user", "capability.default-set", "mount.writable-root",
                              "limit.memory"}, default)
        self.assertFalse(default & {"capability.beyond-default", "process.no-seccomp", "container.privileged",
                                    "mount.host-path", "mount.runtime-socket", "mount.proc-unmasked"})
        self.assertEqual(self.rules("hardened", ("low", "medium", "high", "critical")), set())
        self.assertIn("capability.beyond-default", self.rules("cap-add"))
        self.assertEqual(default - self.rules("read-only"), {"mount.writable-root"})
        self.assertIn("process.no-seccomp", self.rules("unconfined"))
        self.assertIn("container.host-pid", self.rules("host-pid"))
        self.assertIn("mount.host-path", self.rules("bind"))

    def test_workers_are_one_finding(self):
        workers = {process["pid"] for process in self.processes("workers")}
        found = [finding for finding in self.audited["findings"] if finding["rule"] == "process.root-user"
                 and workers & set(finding["subject"]["pids"])]
        self.assertEqual(len(found), 1, found)

    def severities(self, name, family):
        """Of one container's findings, also of its files."""
        document = self.document("audit", "--container", self.ids[name])
        self.told = document["containers"][0]
        return {finding["rule"]: finding["severity"] for finding in document["findings"]
                if finding["rule"].startswith(family)}

    def test_tools(self):
        """One static busybox under many names is one tool; where all is closed it gives nothing."""
        self.assertEqual(self.severities("default", "image."), {
            "image.shell": "low", "image.network-tool": "low", "image.mutable-tag": "info",
            "image.not-curated": "info"})
        self.assertEqual(len(self.told["tools"]), 1, self.told["tools"])
        tool = self.told["tools"][0]
        self.assertEqual(tool["kinds"], ["shell", "network"])
        self.assertLessEqual({"/bin/busybox", "/bin/sh", executable("default")}, set(tool["names"]))
        self.assertEqual(set(self.severities("hardened", "").values()), {"info"})

    def test_drift(self):
        """A program that was copied since the container was started, into the layer that is its own."""
        self.assertEqual(self.severities("default", "file.drift"), {})
        self.assertEqual(self.told["programs"], [])
        self.wait_for(lambda: self.severities("drift", "file.drift") == {"file.drift": "medium"})
        self.assertEqual([(program["path"], program["origin"]) for program in self.told["programs"]],
                         [(executable("drift") + "-new", "run-time")])

    def test_read_only_root(self):
        told = {container["id"]: container.get("root_read_only") for container in self.audited["containers"]}
        for name in ("default", "read-only", "hardened"):
            self.assertEqual(told[self.ids[name]], name != "default")


if __name__ == "__main__":
    harness.main()
