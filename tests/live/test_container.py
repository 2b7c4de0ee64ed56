"""Real containers: each kind yields the findings it deserves, on the right container, and no other.

All run at once and are audited at once. Each differs from the default one in one thing, so that the findings
may differ from the default one's by that thing only."""

import os
import socket

import harness
from containers import (MASKED, Container, bind, grant, hardened, host_devices, needs_containers, privileged,
                        user_namespace, without_namespace)
from harness import AUDIT, DOCKER_DEFAULT, mask, names

SEVERITIES = ["info", "low", "medium", "high", "critical"]
WORST_FIRST = SEVERITIES[::-1]

# The rules about what a container is that every container without special wishes breaks.
DEFAULT_RULES = {"process.root-user", "process.new-privileges-allowed", "capability.default-set",
                 "mount.writable-root", "limit.memory", "limit.cpu", "limit.pids"}


def non_root(config):
    config["process"]["user"] = {"uid": 10001, "gid": 10001}
    config["process"]["capabilities"] = {name: [] for name in ("effective", "permitted", "inheritable")}
    config["process"]["capabilities"]["bounding"] = names(DOCKER_DEFAULT)


def root_group(config):
    non_root(config)
    config["process"]["user"] = {"uid": 10001, "gid": 0}


def add_capability(*added):
    return lambda config: grant(config, names(DOCKER_DEFAULT | mask(*added)))


def no_seccomp(config):
    del config["linux"]["seccomp"]


def unmasked(config):
    del config["linux"]["maskedPaths"], config["linux"]["readonlyPaths"]


def acpi_masked(config):
    config["linux"]["maskedPaths"] = ["/proc/acpi"]


def ambient(config):
    non_root(config)
    for kind in ("effective", "permitted", "inheritable", "ambient"):
        config["process"]["capabilities"][kind] = ["CAP_NET_RAW"]


def inheritable(config):
    config["process"]["capabilities"]["inheritable"] = names(DOCKER_DEFAULT)


def host_namespace(kind):
    def change(config):
        without_namespace(config, kind)
        if kind == "uts":
            del config["hostname"]
    return change


def limited(config):
    config["linux"]["resources"].update({"memory": {"limit": 64 << 20}, "pids": {"limit": 32},
                                         "cpu": {"quota": 50000, "period": 100000}})


def device(config):
    config["linux"]["devices"] = [one for one in host_devices() if one["type"] == "b"][:1]
    config["linux"]["resources"]["devices"].append({"allow": True, "access": "rwm"})


def shared(directory):
    def change(config):
        config["mounts"].append(bind(directory, "/mnt", "rshared", "rw"))
        config["linux"]["rootfsPropagation"] = "shared"
    return change


@needs_containers
class ContainerTest(harness.Case):
    """One audit of all kinds."""

    @classmethod
    def setUpClass(cls):
        keeper = cls.keeper = harness.ClassKeeper(cls)
        cls.host_directory, cls.socket_path = keeper.scratch(), f"{keeper.scratch()}/docker.sock"
        cls.shared_directory = keeper.scratch()
        for step in (["--bind", cls.shared_directory], ["--make-shared"]):
            harness.subprocess.run(["mount", *step, cls.shared_directory], check=True)
        listener = socket.socket(socket.AF_UNIX)
        keeper.undo(listener.close)
        listener.bind(cls.socket_path)
        listener.listen()
        kinds = {
            "default": (), "exec": (), "privileged": (privileged,), "hardened": (hardened,),
            "non-root": (non_root,), "root-group": (root_group,), "user-namespace": (user_namespace,),
            "sys-admin": (add_capability("CAP_SYS_ADMIN"),),
            "ptrace-host-pid": (add_capability("CAP_SYS_PTRACE"), host_namespace("pid")),
            "net-admin-host-net": (add_capability("CAP_NET_ADMIN"), host_namespace("network")),
            "no-seccomp": (no_seccomp,), "unmasked": (unmasked,), "acpi-masked": (acpi_masked,), "ambient": (ambient,),
            "inheritable": (inheritable,), "limited": (limited,), "device": (device,),
            "read-only": (lambda config: config["root"].update(readonly=True),),
            "no-new-privileges": (lambda config: config["process"].update(noNewPrivileges=True),),
            "socket": (lambda config: config["mounts"].append(bind(cls.socket_path, "/run/docker.sock")),),
            "etc": (lambda config: config["mounts"].append(bind("/etc", "/mnt")),),
            "etc-read-only": (lambda config: config["mounts"].append(
                bind("/etc", "/mnt", "rprivate", "ro")),),
            "shared": (shared(cls.shared_directory),), "shared-with-no-one": (shared(cls.host_directory),),
        }
        for name in ("pid", "network", "ipc", "uts", "cgroup"):
            kinds[f"host-{name}"] = (host_namespace(name),)
        cls.containers = {name: Container(keeper, name, *changes) for name, changes in kinds.items()}
        cls.twins = [Container(keeper, "twin") for _ in range(2)]
        cls.more_than_init = cls.containers["exec"].execute("--cap", "CAP_SYS_PTRACE")
        cls.audited = cls("test_default").document(*AUDIT)

    def findings(self, name, rule=None):
        """The findings of a container, not excepted."""
        identity = self.containers[name].id
        return [finding for finding in self.audited["findings"]
                if finding.get("container_id") == identity and rule in (None, finding["rule"])]

    def rules(self, name, least="info"):
        worse = SEVERITIES[SEVERITIES.index(least):]
        return {finding["rule"] for finding in self.findings(name) if finding["severity"] in worse}

    def finding(self, name, rule):
        found = self.findings(name, rule)
        self.assertEqual(len(found), 1, f"{rule} on {name}: {found}")
        return found[0]

    def assertDiffers(self, name, more=(), less=(), other="default", allowed=()):
        """The rules that fire on the container are those of the default one, but for these."""
        mine, theirs = self.rules(name), self.rules(other)
        self.assertEqual((mine - theirs - set(allowed), theirs - mine - set(allowed)), (set(more), set(less)))

    # ---- what the container is -------------------------------------------------------------------------

    def test_containers_are_told_from_the_host(self):
        told = {container["id"]: container for container in self.audited["containers"]}
        for name, container in self.containers.items():
            with self.subTest(name):
                record = told[container.id]
                self.assertEqual(record["init_pid"], container.pid)
                self.assertEqual(record["runtime"], "docker")  # by its cgroup path
                self.assertEqual(record["processes"], 2 if name == "exec" else 1)
        processes = {process["pid"]: process for process in self.audited["processes"]}
        for container in self.containers.values():
            self.assertEqual(processes[container.pid]["container_id"], container.id)
            self.assertEqual(processes[container.pid]["executable"], container.executable)
            self.assertSets(processes[container.pid])
        self.assertNotIn("container_id", processes[os.getpid()])

    def test_read_only_root(self):
        told = {container["id"]: container for container in self.audited["containers"]}
        for name in ("default", "read-only", "hardened"):
            self.assertEqual(told[self.containers[name].id]["root_read_only"], name != "default")

    def test_limits(self):
        told = {container["id"]: container for container in self.audited["containers"]}
        limits = told[self.containers["limited"].id]["limits"]
        self.assertEqual({name: limits[name]["value"] for name in ("memory", "pids", "cpu")},
                         {"memory": 64 << 20, "pids": 32, "cpu": 500})
        self.assertTrue(told[self.containers["default"].id]["limits"]["memory"]["unlimited"])

    # ---- findings --------------------------------------------------------------------------------------

    def test_default(self):
        self.assertLessEqual(DEFAULT_RULES, self.rules("default"))
        self.assertEqual(self.finding("default", "process.root-user")["severity"], "medium")
        for rule in self.rules("default"):
            self.assertNotIn(rule, ("container.privileged", "capability.beyond-default", "process.no-seccomp",
                                    "capability.ambient", "mount.host-path", "mount.runtime-socket",
                                    "mount.proc-unmasked", "mount.shared-propagation",
                                    "mount.writable-kernel-interface", "container.host-device",
                                    *(f"container.host-{kind}" for kind in ("pid", "network", "ipc", "uts",
                                                                            "cgroup"))))
        self.assertNotIn("critical", {finding["severity"] for finding in self.findings("default")})

    def test_hardened_is_clean(self):
        self.assertEqual([(finding["rule"], finding["severity"], finding["why"])
                          for finding in self.findings("hardened") if finding["severity"] != "info"], [])

    def test_privileged_names_its_escape(self):
        finding = self.finding("privileged", "container.privileged")
        self.assertEqual(finding["severity"], "critical")
        self.assertRegex(finding["why"], "mount|device|release_agent|core_pattern|module|disk")
        self.assertTrue(finding["evidence"])
        self.assertLessEqual({"capability.beyond-default", "process.no-seccomp", "mount.proc-unmasked"},
                             self.rules("privileged"))

    def test_findings_name_the_process(self):
        for name, container in self.containers.items():
            for finding in self.findings(name):
                if finding["subject"]["kind"] == "process" and name != "exec":
                    self.assertIn(container.pid, finding["subject"]["pids"], finding["rule"])

    def test_non_root(self):
        self.assertNotIn("process.root-user", self.rules("non-root"))

    def test_user_namespace(self):
        self.assertNotIn("container.host-user", self.rules("user-namespace"))
        self.assertEqual(self.finding("user-namespace", "process.root-user")["severity"], "low")

    def test_sys_admin(self):
        finding = self.finding("sys-admin", "capability.beyond-default")
        self.assertIn("CAP_SYS_ADMIN", str(finding["evidence"]))
        self.assertIn(finding["severity"], ("high", "critical"))
        self.assertDiffers("sys-admin", more=["capability.beyond-default"], allowed=["capability.default-set",
                                                                                    "container.privileged"])

    def test_ptrace_with_the_hosts_pids(self):
        finding = self.finding("ptrace-host-pid", "capability.beyond-default")
        self.assertEqual(finding["severity"], "critical")
        self.assertRegex(finding["why"] + str(finding["evidence"]), "pid")
        self.assertIn("container.host-pid", self.rules("ptrace-host-pid"))

    def test_net_admin_on_the_hosts_network(self):
        finding = self.finding("net-admin-host-net", "capability.beyond-default")
        self.assertIn(finding["severity"], ("high", "critical"))
        self.assertIn("container.host-network", self.rules("net-admin-host-net"))

    def test_host_namespaces(self):
        for kind in ("pid", "network", "ipc", "uts", "cgroup"):
            with self.subTest(kind):
                self.assertDiffers(f"host-{kind}", more=[f"container.host-{kind}"])

    def test_no_seccomp(self):
        self.assertDiffers("no-seccomp", more=["process.no-seccomp"])

    def test_unmasked(self):
        self.assertDiffers("unmasked", more=["mount.proc-unmasked"],
                           allowed=["mount.writable-kernel-interface"])

    def test_one_mask_does_not_stand_for_all(self):
        """What is told to be open can be read inside, what is masked is not told."""
        found = self.findings("acpi-masked", "mount.proc-unmasked")
        self.assertEqual([finding["severity"] for finding in found], ["medium"])
        told = found[0]["evidence"]["unmasked"].split(", ")
        inside = f"/proc/{self.containers['acpi-masked'].pid}/root/proc"
        self.assertNotIn("acpi", told)
        there = {os.path.basename(path) for path in MASKED if path.startswith("/proc/")
                 and os.path.exists(path)} - {"acpi"}
        self.assertEqual(set(told), there)
        if "keys" in told:
            with open(f"{inside}/keys", "rb") as file, open("/proc/keys", "rb") as ours:
                self.assertTrue(file.read() or not ours.read())

    def test_root_group(self):
        self.assertDiffers("root-group", more=["process.root-group"], other="non-root")
        self.assertEqual([finding["severity"] for finding in self.findings("root-group", "process.root-group")],
                         ["info"])

    def test_ambient(self):
        self.assertIn("capability.ambient", self.rules("ambient"))
        self.assertNotIn("capability.ambient", self.rules("inheritable"))

    def test_inheritable(self):
        self.assertDiffers("inheritable", more=["capability.inheritable"])

    def test_limited(self):
        self.assertDiffers("limited", less=["limit.memory", "limit.cpu", "limit.pids"])

    def test_read_only(self):
        self.assertDiffers("read-only", less=["mount.writable-root"])

    def test_no_new_privileges(self):
        self.assertDiffers("no-new-privileges", less=["process.new-privileges-allowed"])

    def test_device(self):
        self.assertDiffers("device", more=["container.host-device"])

    def test_runtime_socket(self):
        finding = self.finding("socket", "mount.runtime-socket")
        self.assertEqual(finding["severity"], "critical")
        self.assertEqual(finding["subject"]["path"], "/run/docker.sock")
        self.assertDiffers("socket", more=["mount.runtime-socket"])

    def test_host_path(self):
        finding = self.finding("etc", "mount.host-path")
        self.assertEqual(finding["subject"]["path"], "/mnt")
        read_only = self.finding("etc-read-only", "mount.host-path")
        self.assertLess(SEVERITIES.index(read_only["severity"]), SEVERITIES.index(finding["severity"]))
        self.assertDiffers("etc", more=["mount.host-path"])

    def test_shared_propagation(self):
        self.assertDiffers("shared", more=["mount.shared-propagation"], allowed=["mount.host-path"])
        # the container's mount is the only one of its peer group: nothing gets to the host
        self.assertDiffers("shared-with-no-one", allowed=["mount.host-path"])

    def test_exec_with_more_than_init(self):
        finding = self.finding("exec", "process.more-than-init")
        self.assertEqual(finding["subject"]["pids"], [self.more_than_init])
        self.assertIn("CAP_SYS_PTRACE", str(finding["evidence"]))
        self.assertFalse([finding for name in self.containers if name != "exec"
                          for finding in self.findings(name, "process.more-than-init")])

    def test_twins_are_one_finding(self):
        pids = {twin.pid for twin in self.twins}
        found = [finding for finding in self.audited["findings"]
                 if finding["rule"] == "process.root-user" and pids & set(finding["subject"]["pids"])]
        self.assertEqual(len(found), 1)
        self.assertEqual(set(found[0]["subject"]["pids"]), pids)
        self.assertEqual(found[0]["subject"]["count"], 2)

    def test_the_host_is_not_a_badly_made_container(self):
        for finding in self.audited["findings"]:
            if "container_id" not in finding:
                self.assertNotRegex(finding["rule"], r"^(container|limit)\.|^mount\.writable-root$")

    # ---- the document ----------------------------------------------------------------------------------

    def test_ids_are_unique_and_stable(self):
        ids = [finding["id"] for finding in self.audited["findings"]]
        self.assertEqual(len(ids), len(set(ids)))
        again = self.document(*AUDIT)
        mine = {container.id for container in self.containers.values()}
        for document in (self.audited, again):
            for finding in document["findings"]:
                self.assertRegex(finding["id"], "^[0-9a-f]{32}$")
        self.assertEqual(self.ids(self.audited, mine), self.ids(again, mine))

    @staticmethod
    def ids(document, containers):
        return {(finding["id"], finding["rule"], finding["severity"]) for finding in document["findings"]
                if finding.get("container_id") in containers}

    def test_one_container_only(self):
        container = self.containers["privileged"]
        for chosen in (container.id, container.id[:12]):
            document = self.document(*AUDIT, "--container", chosen)
            self.assertEqual({finding.get("container_id") for finding in document["findings"]},
                             {container.id})
            self.assertEqual(self.ids(document, {container.id}), self.ids(self.audited, {container.id}))

    def test_table_is_grouped_by_container(self):
        table = self.proctor(*AUDIT).stdout.decode()
        for word in ("why", "fix", *(container.id[:12] for name, container in self.containers.items()
                                     if self.rules(name, "low"))):
            self.assertIn(word, table)


@needs_containers
class AloneTest(harness.Case):
    """Containers that nothing tells apart but what they may do: one program, no name, no image."""

    @staticmethod
    def one_program(config):
        config["process"]["args"] = ["/bin/busybox", "cat"]

    @staticmethod
    def told(document, container):
        """What is said of the container, with others or not."""
        return {finding["id"]: (finding["rule"], finding["severity"], finding["title"], finding["why"])
                for finding in document["findings"]
                if container.id in finding.get("container_ids", [finding.get("container_id")])}

    def start(self, name, *changes):
        return Container(self, name, *changes, self.one_program)

    def test_each_is_judged_by_itself(self):
        default = self.start("default")
        before = self.told(self.document(*AUDIT), default)
        containers = [default, self.start("privileged", privileged), self.start("hardened", hardened)]
        for name, options in (("etc", ("rprivate", "rw")), ("srv", ("rprivate", "ro"))):
            containers.append(self.start(name, lambda config, name=name, options=options:
                                         config["mounts"].append(bind(f"/{name}", "/mnt", *options))))
        document = self.document(*AUDIT)
        self.assertEqual(self.told(document, default), before)
        for container in containers:
            alone = self.told(self.document(*AUDIT, "--container", container.id), container)
            self.assertTrue(alone)
            self.assertEqual(self.told(document, container), alone)

    def test_equal_faults_are_one_finding(self):
        one, other = self.start("one"), self.start("other")
        document = self.document(*AUDIT)
        self.assertTrue(self.told(document, one))
        self.assertEqual(self.told(document, one), self.told(document, other))


@needs_containers
class ServerTest(harness.Case):
    def test_ssh_server(self):
        """By its program: a busybox that lies where sshd does."""
        def prepare(root):
            os.makedirs(f"{root}/usr/sbin")
            os.link(f"{root}/bin/busybox", f"{root}/usr/sbin/sshd")

        def serve(config):
            config["process"]["args"] = ["/bin/busybox", "sh", "-c", "exec -a busybox /usr/sbin/sshd cat"]

        container = Container(self, "server", serve, prepare=prepare)
        self.wait_for(lambda: os.readlink(f"/proc/{container.pid}/exe") == "/usr/sbin/sshd")
        told = [finding for finding in self.document(*AUDIT, "--container", container.id)["findings"]
                if finding["rule"] == "process.ssh-server"]
        self.assertEqual([(finding["severity"], finding["subject"]["executable"]) for finding in told],
                         [("low", "/usr/sbin/sshd")])


@needs_containers
class RestartTest(harness.Case):
    def test_ids_survive_a_restart(self):
        container = Container(self, "restarted")
        seen = []
        for _ in range(2):
            document = self.document(*AUDIT, "--container", container.id)
            seen.append(({finding["id"] for finding in document["findings"]}, container.pid))
            container.restart()
        self.assertTrue(seen[0][0])
        self.assertEqual(seen[0][0], seen[1][0])
        self.assertNotEqual(seen[0][1], seen[1][1])


@needs_containers
class RuntimeTest(harness.Case):
    """Other runtimes, other places in the cgroup tree."""

    def record(self, container):
        document = self.document(*AUDIT)
        process = [process for process in document["processes"] if process["pid"] == container.pid][0]
        return next(record for record in document["containers"] if record["id"] == process["container_id"])

    @harness.needs("crun", "unshare")
    def test_crun_without_a_cgroup(self):
        """It stays in the test's cgroup: its mount namespace makes it a container."""
        container = Container(self, "crun", runtime="crun")
        inode = os.stat(f"/proc/{container.pid}/ns/mnt").st_ino
        self.assertEqual(self.record(container)["id"], f"mnt-{inode}")

    def placed(self, path):
        container = Container(self, "placed", lambda config: config["linux"].update(cgroupsPath=path))
        return container, self.record(container)

    def test_kubernetes(self):
        pod, identity = "0a1b2c3d-0001-4002-8003-0123456789ab", "5e" * 32
        _, record = self.placed(f"/kubepods/burstable/pod{pod}/{identity}")
        self.assertEqual((record["id"], record["kind"]), (identity, "kubernetes"))

    def test_ecs(self):
        task, identity = "0123456789abcdef0123456789abcdef", "7f" * 32
        _, record = self.placed(f"/ecs/{task}/{identity}")
        self.assertEqual((record["id"], record["kind"]), (identity, "ecs"))

    def test_host_process_in_a_cgroup_called_like_a_container(self):
        """Whoever may make a cgroup may call it so; the mounts are the host's all the same."""
        tree = next((path for path in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")
                     if os.path.exists(f"{path}/cgroup.procs")), None)
        if not tree:
            self.skipTest("no cgroup v2 tree")
        parent = f"{tree}/proctor-test-{os.getpid()}"
        scope = f"{parent}/docker-{'6d' * 32}.scope"
        process = self.helper()
        for path in (parent, scope):
            os.mkdir(path)
            self.undo(os.rmdir, path)
        with open(f"{scope}/cgroup.procs", "w", encoding="ascii") as file:
            file.write(str(process.pid))
        self.undo(self.leave, f"{tree}/cgroup.procs", process.pid)
        document = self.document(*AUDIT, "--pid", process.pid)
        self.assertNotIn("container_id", document["processes"][0])
        self.assertEqual(document["containers"], [])
        for finding in document["findings"]:
            self.assertNotIn("container_id", finding)

    @staticmethod
    def leave(procs, pid):
        with open(procs, "w", encoding="ascii") as file:
            file.write(str(pid))

    def test_cgroup_of_its_name(self):
        """As runc does by default: the cgroup is called like the container."""
        _, record = self.placed("/some/name")
        self.assertEqual(record["id"], "name")


if __name__ == "__main__":
    harness.main()
