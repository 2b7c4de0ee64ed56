"""Proctor inside a container: it sees what is there to see, and says that this is not the machine."""

import json
import os

import harness
from containers import Container, add_proctor, bind, needs_containers, privileged, without_namespace
from harness import AUDIT


@needs_containers
@harness.needs("ldd")
class InsideTest(harness.Case):
    def inside(self, container, *arguments, status=0):
        """Runs Proctor in the container; its document."""
        result = self.run_command(*container.command, "exec", "--env", "ASAN_OPTIONS=detect_leaks=0",
                                  container.id, "/bin/proctor", *arguments, "--format", "json")
        self.assertEqual(result.returncode, status, result.stderr[-2000:])
        document = json.loads(result.stdout)
        self.validate(document)
        return document

    def test_own_pid_namespace(self):
        container = Container(self, "own", prepare=add_proctor)
        document = self.inside(container, "audit")
        comms = sorted(process["comm"] for process in document["processes"])
        self.assertEqual(comms, ["busybox", "proctor"])
        self.assertEqual([process["pid"] for process in document["processes"]
                          if process["comm"] == "busybox"], [1])
        self.assertEqual(document["host"]["view"], "container")
        self.assertIn("only this container shows", str(document["coverage"]))
        self.assertTrue(document["containers"], "it knows that it is in one")
        self.assertFalse({finding["rule"] for finding in document["findings"]} & {
            f"container.host-{kind}" for kind in ("pid", "network", "ipc", "uts", "cgroup")})

    def sidecar(self, application, *changes):
        """A container in the pid namespace of another."""
        def join(config):
            without_namespace(config, "pid")
            config["linux"]["namespaces"].append({"type": "pid", "path": f"/proc/{application.pid}/ns/pid"})
        return Container(self, "sidecar", join, *changes, prepare=add_proctor)

    def test_shared_pid_namespace(self):
        """A sidecar: the pid namespace is the other container's, the rest its own."""
        application = Container(self, "application")
        def trace(config):
            for kind in ("bounding", "effective", "permitted"):
                config["process"]["capabilities"][kind] = \
                    config["process"]["capabilities"][kind] + ["CAP_SYS_PTRACE"]
        sidecar = self.sidecar(application, trace)
        document = self.inside(sidecar, "audit")
        self.assertEqual(document["host"]["view"], "task")
        self.assertIn("only the containers that share this pid namespace", str(document["coverage"]))
        processes = {process["executable"]: process for process in document["processes"]
                     if "executable" in process}
        self.assertIn(application.executable, processes)
        self.assertIn(sidecar.executable, processes)
        self.assertNotEqual(processes[application.executable].get("container_id"),
                            processes[sidecar.executable].get("container_id"))
        self.assertIn("capability.beyond-default", {finding["rule"] for finding in document["findings"]})

    def test_sidecar_that_may_not_trace(self):
        """A neighbour with more privileges than the sidecar is not taken for the host or the sidecar."""
        application = Container(self, "application", privileged)
        sidecar = self.sidecar(application)
        document = self.inside(sidecar, "audit")
        self.assertEqual(document["host"]["view"], "task")
        own = [container["id"] for container in document["containers"] if container["auditor"]]
        neighbour = [process for process in document["processes"] if process["pid"] == 1][0]
        self.assertNotIn("executable", neighbour, "it may not be read")
        self.assertEqual(len(own), 1)
        self.assertNotEqual(neighbour.get("container_id"), own[0])
        self.assertEqual([process["container_id"] for process in document["processes"]
                          if process["comm"] == "proctor"], own)
        table = self.run_command(*sidecar.command, "exec", "--env", "ASAN_OPTIONS=detect_leaks=0",
                                 sidecar.id, "/bin/proctor", "audit").stdout.decode()
        self.assertNotRegex(table, "(?m)^host")

    def test_host_pid_namespace(self):
        """A host daemon in a container: it sees the machine, and the host's processes are not in its own."""
        container = Container(self, "daemon", lambda config: without_namespace(config, "pid"),
                              prepare=add_proctor)
        other = Container(self, "other")
        document = self.inside(container, *AUDIT)
        processes = {process["pid"]: process for process in document["processes"]}
        self.assertEqual(processes[other.pid]["container_id"], other.id)
        self.assertNotIn("container_id", processes[os.getpid()])
        self.assertTrue([entry for entry in document["coverage"] if entry["missed"]],
                        "without CAP_SYS_PTRACE not everything is seen, and it says so")

    def test_hardened_sidecar(self):
        """Without any capability and with a read-only root it still reads what is world readable."""
        from containers import hardened
        container = Container(self, "least", hardened, prepare=add_proctor)
        document = self.inside(container, "ps", "-a")
        self.assertEqual(sorted(process["comm"] for process in document["processes"]), ["busybox", "proctor"])

    def test_host_root_bound_in(self):
        """The machine's procfs, bound to another place, is not mistaken for the container's."""
        container = Container(self, "bound", lambda config: config["mounts"].append(bind("/proc", "/mnt")),
                              prepare=add_proctor)
        document = self.inside(container, "ps", "-a")
        self.assertEqual(len(document["processes"]), 2)


if __name__ == "__main__":
    harness.main()
