"""Who containers are: Docker's API, ECS task metadata and the agent's introspection by stand-ins, right and wrong
answers alike; runtimes' own state by runc, crun and containerd."""

import os
import shutil
import socket
import subprocess
import threading
import time
import unittest

import harness
import stand_in
from containers import Container, needs_containers
from stand_in import StandIn, document, status

QUICK = ("audit", "--no-collector", "filesystem")
TASK = "0123456789abcdef0123456789abcdef"


class IdentityCase(harness.Case):
    def audit(self, *arguments, **options):
        result = self.document(*QUICK, *arguments, **options)
        self.reasons = {reason["reason"]: reason for collector in result["coverage"]
                        if collector["collector"] == "identity" for reason in collector["reasons"]}
        return result

    def container(self, result, identity):
        found = [container for container in result["containers"] if container["id"] == identity]
        self.assertEqual(len(found), 1)
        return found[0]

    def assertReason(self, *words):
        """A reason with all of these words is in the coverage, with a remedy."""
        found = [reason for text, reason in self.reasons.items() if all(word in text for word in words)]
        self.assertEqual(len(found), 1, self.reasons)
        return found[0]


def listed(identity, **more):
    return {"Id": identity, "Names": ["/web"], "Image": "shop/web:42", "ImageID": "sha256:" + "1" * 64,
            "Labels": {"team": "secret", "org.opencontainers.image.title": "Web"}, "State": "running", **more}


IMAGES = [{"Id": "sha256:" + "1" * 64, "RepoTags": ["shop/web:42"], "RepoDigests": ["shop/web@sha256:" + "2" * 64]}]


@needs_containers
class DockerApiTest(IdentityCase):
    @classmethod
    def setUpClass(cls):
        cls.web = Container(harness.ClassKeeper(cls), "web")

    def docker(self, containers, images=document(IMAGES)):
        path = f"{self.scratch()}/docker.sock"
        server = StandIn(self, {"/containers/json": containers, "/images/json?digests=1": images}, path)
        return path, server

    def ask(self, containers, images=document(IMAGES), arguments=(), **options):
        path, self.server = self.docker(containers, images)
        return self.container(self.audit("--docker-socket", path, *arguments, **options), self.web.id)

    def test_names_and_images(self):
        told = self.ask(document([listed(self.web.id)]))
        self.assertEqual((told["name"], told["image"], told["image_id"], told["image_digest"], told["runtime"]),
                         ("web", "shop/web:42", "sha256:" + "1" * 64, "sha256:" + "2" * 64, "docker"))
        self.assertIn("docker", told["sources"])
        self.assertEqual(self.server.asked, ["/containers/json", "/images/json?digests=1"])

    def test_labels_that_may_hold_secrets(self):
        told = self.ask(document([listed(self.web.id)]))
        self.assertEqual(told["labels"], {"org.opencontainers.image.title": "Web"})
        told = self.ask(document([listed(self.web.id)]), arguments=["--with-arguments"])
        self.assertEqual(told["labels"]["team"], "secret")

    def test_one_request_for_two_hundred_containers(self):
        others = [listed(f"{number:064x}", Names=[f"/other-{number}"]) for number in range(199)]
        told = self.ask(document([*others, listed(self.web.id)]))
        self.assertEqual(told["name"], "web")
        self.assertEqual(self.server.asked, ["/containers/json", "/images/json?digests=1"])
        self.assertEqual(self.assertReason("no process is to be seen")["count"], 199)

    def test_findings_are_of_the_name(self):
        path, _ = self.docker(document([listed(self.web.id)]))
        result = self.audit("--docker-socket", path, "--container", "web")
        self.assertIn(self.web.id, [container["id"] for container in result["containers"]])
        self.assertTrue(result["findings"])
        self.assertIn("image.mutable-tag", {finding["rule"] for finding in result["findings"]})

    def test_ps_and_files_by_name(self):
        path, server = self.docker(document([listed(self.web.id)]))
        table = self.proctor("ps", "-p", self.web.pid, "--docker-socket", path).stdout.decode()
        self.assertRegex(table, r"\bweb\b")
        self.assertEqual(len(server.asked), 2)
        self.proctor("ps", "-p", self.web.pid)
        self.assertEqual(len(server.asked), 2, "ps asks without being told to")
        lines = self.lines("files", "--container", "web", "--docker-socket", path)
        self.assertEqual([line["name"] for line in lines if line["type"] == "container"], ["web"])

    def test_wrong_answers(self):
        stop = threading.Event()
        self.undo(stop.set)
        good = document([listed(self.web.id)])
        deep = b"[" * 100000
        for name, answer, words in (
                ("404", status(404, b"{}"), ("answered with status 404",)),
                ("500", status(500, b"[]"), ("answered with status 500",)),
                ("html", status(200, b"<html>nginx</html>"), ("something else than JSON",)),
                ("truncated", status(200, good.partition(b"\r\n\r\n")[2][:-20]), ("something else than JSON",)),
                ("cut off", good[:-20], ("did not answer",)),
                ("redirect", status(302, b"", "Location: /images/json?digests=1"), ("status 302",)),
                ("zeros", stand_in.zeros(False), ("more than 4 MiB",)),
                ("zeros, told", stand_in.zeros(True), ("more than 4 MiB",)),
                ("dripping", stand_in.drip(stop), ("within one second",)),
                ("silence", lambda file: stop.wait(), ("within one second",)),
                ("nothing", b"", ("did not answer",)),
                ("no HTTP", b"\0" * 100, ("did not answer",)),
                ("deep", status(200, deep), ("something else than JSON",)),
                ("no list", document({"message": "no"}), ("no list",)),
                ("a type", document([listed(self.web.id, Image=[7])]), ("another type",)),
                ("long", document([listed(self.web.id, Image="x" * (1 << 20))]), ("more than 4096 bytes",)),
                ("twice", document([listed(self.web.id), listed(self.web.id)]), ("twice",))):
            with self.subTest(name):
                self.ask(answer)
                self.assertReason(*words)
                self.assertEqual(self.server.asked.count("/containers/json"), 1)

    def test_answers_that_make_work(self):
        """As many containers and images as the answers hold: each is looked at once."""
        containers = document([*[{"ImageID": "x"}] * 200000, listed(self.web.id)])
        told = self.ask(containers, document([*[{}] * 1000000, *IMAGES]))
        self.assertEqual((told["name"], told["image_digest"]), ("web", "sha256:" + "2" * 64))

    def test_labels_of_the_image(self):
        """An image does not choose whose container it is taken for."""
        labels = {"com.amazonaws.ecs.container-name": "trusted", "io.kubernetes.pod.name": "trusted"}
        told = self.ask(document([listed(self.web.id, Labels=labels)]),
                        document([{**IMAGES[0], "Labels": labels}]))
        self.assertEqual((told["name"], told["kind"]), ("web", "standalone"))
        self.assertNotIn("task", told)
        self.assertNotIn("pod", told)

    def test_nobody_listens(self):
        path = f"{self.scratch()}/docker.sock"
        with socket.socket(socket.AF_UNIX) as gone:
            gone.bind(path)
        for place, word in ((path, "Connection refused"), (path + "-none", "No such file")):
            self.audit("--docker-socket", place)
            reason = self.assertReason("Docker's API did not answer", word)
            self.assertEqual(reason["example"], place)
            self.assertIn("--docker-socket", reason["remedy"])

    def test_names_with_control_characters(self):
        path, _ = self.docker(document([listed(self.web.id, Names=["/\x1b[2Jweb\n\u202e"], Image="a\x07b")]))
        table = self.proctor(*QUICK, "--docker-socket", path).stdout.decode()
        self.assertIn("\\x1b[2Jweb\\n", table)
        for character in ("\x1b", "\x07", "\u202e"):
            self.assertNotIn(character, table)

    def test_no_proxy_is_asked(self):
        proxy = StandIn(self, {})
        environment = {**os.environ, **{name: proxy.url for name in (
            "http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy")}}
        task = StandIn(self, {"/v4/x": document({}), "/v4/x/task": document({"Containers": []})})
        environment["ECS_CONTAINER_METADATA_URI_V4"] = f"{task.url}/v4/x"
        self.audit(env=environment)
        self.assertEqual(proxy.asked, [])
        self.assertEqual(task.asked, ["/v4/x", "/v4/x/task"])

    def test_identity_switched_off(self):
        path, server = self.docker(document([listed(self.web.id)]))
        self.audit("--docker-socket", path, "--no-collector", "identity")
        self.assertEqual(server.asked, [])

    def test_all_are_asked_at_once(self):
        """Each of the four waits until all four have come."""
        together = threading.Barrier(4)

        def answer(value):
            def write(file):
                together.wait(timeout=harness.TIMEOUT)
                file.write(document(value))
            return write
        path, _ = self.docker(answer([listed(self.web.id)]), answer(IMAGES))
        task = StandIn(self, {"/v4/x": answer({}), "/v4/x/task": answer({"Containers": []})})
        result = self.audit("--docker-socket", path, env={
            **os.environ, "ECS_CONTAINER_METADATA_URI_V4": f"{task.url}/v4/x"})
        self.assertEqual(self.container(result, self.web.id)["name"], "web")


def described(identity, **more):
    """A container as the task metadata endpoint has it."""
    return {"DockerId": identity, "Name": "checkout", "DockerName": "ecs-shop-42-checkout-a0",
            "Image": "1.dkr.ecr.eu-west-1.amazonaws.com/shop/checkout:42", "ImageID": "sha256:" + "3" * 64,
            "Labels": {"com.amazonaws.ecs.container-name": "checkout", "com.amazonaws.ecs.cluster": "prod",
                       "com.amazonaws.ecs.task-arn": "arn:aws:ecs:eu-west-1:1:task/prod/" + TASK},
            "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING", "Limits": {"CPU": 256, "Memory": 128},
            "CreatedAt": "2026-01-01T00:00:00Z", "Type": "NORMAL", "Networks": [], **more}


def task_document(*containers):
    return {"Cluster": "prod", "TaskARN": "arn:aws:ecs:eu-west-1:1:task/prod/" + TASK, "Family": "shop",
            "Revision": "42", "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING", "LaunchType": "EC2",
            "AvailabilityZone": "eu-west-1a", "Limits": {"CPU": 0.5, "Memory": 512}, "Containers": list(containers)}


def on_ecs(config):
    config["linux"]["cgroupsPath"] = f"/ecs/{TASK}/{config['linux']['cgroupsPath'].rpartition('/')[2]}"


@needs_containers
class EcsTest(IdentityCase):
    @classmethod
    def setUpClass(cls):
        cls.checkout = Container(harness.ClassKeeper(cls), "checkout", on_ecs)

    def task(self, own, task):
        server = StandIn(self, {"/v4/x": own, "/v4/x/task": task})
        self.environment = {**os.environ, "ECS_CONTAINER_METADATA_URI_V4": f"{server.url}/v4/x"}
        return server

    def test_task_metadata(self):
        server = self.task(document(described("0" * 64)), document(task_document(described(self.checkout.id))))
        audit = self.audit(env=self.environment)
        told = self.container(audit, self.checkout.id)
        self.assertEqual(told["name"], "checkout")
        self.assertEqual(told["kind"], "ecs")
        self.assertEqual(told["task"], {
            "arn": "arn:aws:ecs:eu-west-1:1:task/prod/" + TASK, "family": "shop", "revision": "42",
            "cluster": "prod", "launch_type": "EC2", "availability_zone": "eu-west-1a"})
        found = [finding["ecs_task"] for finding in audit["findings"] if finding.get("container_id") == self.checkout.id]
        self.assertTrue(found)
        self.assertEqual(found, [told["task"]] * len(found))
        self.assertEqual(told["declared"]["limits"]["memory"]["value"], 128 << 20)
        self.assertEqual(told["sources"][0], "ecs-task")
        self.assertEqual(server.asked, ["/v4/x", "/v4/x/task"])

    def test_limits_declared_and_not_set(self):
        self.task(document({}), document(task_document(described(self.checkout.id))))
        findings = [finding for finding in self.audit(env=self.environment)["findings"]
                    if finding["rule"] == "container.not-as-declared"]
        self.assertEqual([finding["container_name"] for finding in findings], ["checkout"])
        self.assertEqual(findings[0]["evidence"]["declared_memory"], 128 << 20)

    def test_wrong_answers(self):
        for name, answer, words in (
                ("404", status(404), ("ECS task metadata answered with status 404",)),
                ("redirect", status(301, b"", "Location: http://169.254.169.254/"), ("status 301",)),
                ("no list", document({"Containers": 7}), ("no list of containers",)),
                ("elsewhere", document(task_document(described("f" * 64))), ("no process is to be seen",))):
            with self.subTest(name):
                self.task(document({}), answer)
                self.audit(env=self.environment)
                self.assertReason(*words)

    def test_addresses_that_are_not_asked(self):
        for address in ("https://127.0.0.1/", "file:///etc/passwd", "http://localhost:1/", "http://a@127.0.0.1/"):
            with self.subTest(address):
                self.audit(env={**os.environ, "ECS_CONTAINER_METADATA_URI_V4": address})
                self.assertReason("its address is not http:// and a number")

    def test_two_sources_that_disagree(self):
        self.task(document({}), document(task_document(described(self.checkout.id))))
        path = f"{self.scratch()}/docker.sock"
        StandIn(self, {"/containers/json": document([listed(self.checkout.id)]),
                       "/images/json?digests=1": document(IMAGES)}, path)
        told = self.container(self.audit("--docker-socket", path, env=self.environment), self.checkout.id)
        self.assertEqual((told["name"], told["image_id"]), ("checkout", "sha256:" + "3" * 64))
        self.assertEqual(told["sources"][:2], ["ecs-task", "docker"])
        self.assertIn(self.checkout.id, self.assertReason("two sources say different things")["example"])

    def introspection(self, answers):
        server = StandIn(self, answers, port=51678, own_network=True)
        return server, ("nsenter", f"--net={server.network}")

    def test_introspection(self):
        server, inside = self.introspection({
            "/v1/metadata": document({"Cluster": "prod", "ContainerInstanceArn": "arn:instance",
                                      "Version": "Amazon ECS Agent - v1.90.0"}),
            "/v1/tasks": document({"Tasks": [{
                "Arn": "arn:task", "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING", "Family": "shop",
                "Version": "42", "Containers": [{"DockerId": self.checkout.id, "DockerName": "ecs-shop-42-a0",
                                                 "Name": "checkout"}]}]})})
        result = self.audit(wrap=inside)
        told = self.container(result, self.checkout.id)
        self.assertEqual((told["name"], told["task"]["family"], told["task"]["revision"]),
                         ("checkout", "shop", "42"))
        self.assertEqual(told["sources"][0], "ecs-agent")
        self.assertEqual((result["host"]["ecs"]["cluster"], result["host"]["ecs"]["instance_arn"]),
                         ("prod", "arn:instance"))
        self.assertEqual(server.asked, ["/v1/metadata", "/v1/tasks"])

    def test_introspection_that_answers_wrongly(self):
        _, inside = self.introspection({"/v1/metadata": status(500), "/v1/tasks": document({"Tasks": {}})})
        self.audit(wrap=inside)
        self.assertReason("the ECS agent answered with status 500")
        self.assertReason("tells no list of tasks")

    def test_introspection_without_an_agent(self):
        """A network namespace in which nobody listens."""
        server = StandIn(self, {}, port=1, own_network=True)
        self.audit(wrap=("nsenter", f"--net={server.network}"))
        self.assertReason("the ECS agent did not answer", "Connection refused")


@needs_containers
@harness.needs("ip")
class RouteTest(IdentityCase):
    def route(self, *routes):
        """A container in a network namespace with these routes, by `lo`; what is told of it."""
        script = "ip link set lo up" + "".join(f" && ip route add {route}" for route in routes)
        network = self.spawn("unshare", "--net", "sh", "-c", f"{script} && exec {harness.HELPER}")

        def join(config):
            for namespace in config["linux"]["namespaces"]:
                if namespace["type"] == "network":
                    namespace["path"] = f"/proc/{network.pid}/ns/net"
        container = Container(self, "routed", on_ecs, join)
        return self.audit(), container

    def test_routes(self):
        for routes, state in (((), "none"), (("default dev lo",), "open"),
                              (("default dev lo", "blackhole 169.254.169.254/32"), "blocked"),
                              (("default dev lo", "unreachable 169.254.0.0/16"), "blocked"),
                              (("unreachable default", "169.254.169.254/32 dev lo"), "open")):
            with self.subTest(routes):
                result, container = self.route(*routes)
                container.stop()
                self.assertEqual(self.container(result, container.id)["imds_route"], state)
                named = [finding["evidence"]["first"] for finding in result["findings"]
                         if finding["rule"] == "host.imds-reachable"]
                self.assertEqual(named, [container.id] if state == "open" else [])


class RuntimeStateTest(IdentityCase):
    """What runtimes keep of their own: their default places, not the tests'."""

    @harness.needs_root
    @harness.needs("runc", "busybox")
    def test_runc(self):
        def change(config):
            config["root"]["readonly"] = True
            config["annotations"] = {"nerdctl/name": "by-annotation"}
            config["linux"]["resources"]["memory"] = {"limit": 64 << 20}
        container = Container(self, "runc", change, state="/run/runc")
        told = self.container(self.audit(), container.id)
        self.assertEqual((told["name"], told["sources"]), ("by-annotation", ["bundle"]))
        self.assertEqual(told["declared"]["limits"]["memory"]["value"], 64 << 20)
        self.assertTrue(told["declared"]["readonly"])
        self.assertEqual(told["declared"]["capabilities"], harness.names(harness.DOCKER_DEFAULT))
        beside = self.container(self.audit(wrap=("unshare", "--mount")), container.id)
        self.assertEqual(beside["sources"], ["bundle"], "from another mount namespace")

    def in_cgroup(self, identity):
        """What starts a command in a cgroup of that name: crun, told to leave cgroups alone, stays in it."""
        unified = "/sys/fs/cgroup/unified"
        path = f"{unified if os.path.isdir(unified) else '/sys/fs/cgroup'}/{identity}"
        self.undo(lambda: os.path.isdir(path) and os.rmdir(path))
        return ("sh", "-c", 'mkdir -p "$0" && echo $$ >"$0/cgroup.procs" && exec "$@"', path)

    @harness.needs_root
    @harness.needs("crun", "unshare", "busybox")
    def test_crun(self):
        def change(config):
            config["annotations"] = {"nerdctl/name": "by-annotation"}
            config["process"]["user"] = {"uid": 10001, "gid": 10002}
        container = Container(self, "crun", change, runtime="crun", state="/run/crun", wrap=self.in_cgroup)
        told = self.container(self.audit(), container.id)
        self.assertEqual((told["init_pid"], told["name"], told["declared"]["user"], told["sources"]),
                         (container.pid, "by-annotation", "10001:10002", ["bundle"]))


@harness.needs_root
@harness.needs("containerd", "ctr", "runc", "busybox")
class ContainerdTest(IdentityCase):
    @classmethod
    def setUpClass(cls):
        cls.keeper = harness.ClassKeeper(cls)
        cls.place = cls.keeper.scratch()
        with open(f"{cls.place}/config.toml", "w", encoding="ascii") as file:
            file.write('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        log = open(f"{cls.place}/log", "wb")
        cls.keeper.undo(log.close)
        daemon = subprocess.Popen(
            [harness.find_command("containerd"), "--config", f"{cls.place}/config.toml", "--root",
             f"{cls.place}/root", "--state", f"{cls.place}/state", "--address", f"{cls.place}/sock"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
        cls.keeper.undo(harness.end_daemon, daemon)
        for _ in range(harness.TIMEOUT * 10):
            if cls.ctr("version").returncode == 0:
                return
            if daemon.poll() is not None:
                break
            time.sleep(0.1)
        raise unittest.SkipTest("containerd does not start here")

    @classmethod
    def ctr(cls, *arguments):
        return subprocess.run([harness.find_command("ctr"), "--address", f"{cls.place}/sock", *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=harness.TIMEOUT, check=False)

    def start(self, identity, *options):
        root = f"{self.place}/{identity[:8]}"
        os.makedirs(f"{root}/bin")
        shutil.copy(harness.find_command("busybox"), f"{root}/bin/busybox")
        result = self.ctr("run", "--detach", "--rootfs", *options, root, identity, "/bin/busybox", "sleep", "86400")
        self.undo(self.ctr, "containers", "delete", identity)
        self.undo(self.ctr, "tasks", "delete", "--force", identity)
        if result.returncode:
            raise unittest.SkipTest(f"ctr run: {result.stderr.decode()[-200:]}")

    def test_containerd(self):
        identity = "ab" * 32
        self.start(identity, "--read-only", "--memory-limit", str(64 << 20), "--annotation",
                   "io.kubernetes.cri.container-name=web", "--annotation",
                   "io.kubernetes.cri.sandbox-name=shop-1", "--annotation",
                   "io.kubernetes.cri.sandbox-namespace=prod")
        told = self.container(self.audit(), identity)
        self.assertEqual((told["name"], told["runtime"], told["kind"], told["sources"]),
                         ("web", "containerd", "kubernetes", ["bundle"]))
        self.assertEqual(told["pod"], {"name": "shop-1", "namespace": "prod", "container": "web"})
        self.assertEqual(told["declared"]["user"], "0:0")
        self.assertTrue(told["declared"]["readonly"])

    def test_a_name_for_an_id(self):
        self.start("plain")
        found = [told for told in self.audit()["containers"] if told["id"] == "plain"]
        self.assertEqual([told.get("sources") for told in found], [["bundle"]])


if __name__ == "__main__":
    harness.main()
