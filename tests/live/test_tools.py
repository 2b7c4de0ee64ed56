"""Tools in the roots of containers: by their names and by what they are, each file once."""

import os
import shutil

import harness
from containers import Container, bind, hardened, needs_containers
from files import make

ALL = ("image.shell", "image.package-manager", "image.network-tool", "image.compiler", "image.debugger",
       "image.minimal")


def program(path):
    """A script, which the kernel executes."""
    make(path, 0o755)
    with open(path, "w", encoding="ascii") as file:
        file.write("#!/bin/busybox sh\n")


def only(config):
    """Nothing but the program that runs, under no tool's name."""
    config["process"]["args"] = ["/busybox-app", "cat"]


def make_distroless(root):
    """A root with one static binary."""
    shutil.copy(f"{root}/bin/busybox", f"{root}/busybox-app")
    shutil.rmtree(f"{root}/bin")
    shutil.rmtree(f"{root}/srv")


@needs_containers
class ToolsTest(harness.Case):
    def container_of(self, container, *arguments):
        document = self.document("audit", "--container", container.id, *arguments)
        self.assertEqual([told["id"] for told in document["containers"]], [container.id])
        self.told = document
        return document["containers"][0]

    def tools(self, container):
        """Kinds and names by path."""
        told = self.container_of(container)
        self.assertTrue(told["files_walked"], self.told["coverage"])
        return {tool["path"]: (tool["kinds"], tool["names"]) for tool in told["tools"]}

    def findings(self):
        return {finding["rule"]: finding for finding in self.told["findings"] if finding["rule"] in ALL}

    def test_applets_are_one_tool(self):
        def prepare(root):
            os.symlink("/bin/busybox", f"{root}/bin/wget")
            os.symlink("wget", f"{root}/bin/curl")
            os.link(f"{root}/bin/busybox", f"{root}/bin/nc")

        container = Container(self, "applets", prepare=prepare)
        tools = self.tools(container)
        self.assertEqual(list(tools), ["/bin/busybox"])
        self.assertEqual(tools["/bin/busybox"],
                         (["shell", "network"], ["/bin/busybox", "/bin/curl", "/bin/nc", "/bin/sh", "/bin/wget",
                                                 container.executable]))

    def test_what_it_is_counts(self):
        def prepare(root):
            make(f"{root}/bin/nc", 0o755)  # a text
            program(f"{root}/bin/strace")
            program(f"{root}/bin/gcc-12")
            program(f"{root}/bin/aarch64-linux-gnu-g++-12")
            program(f"{root}/bin/pip3.11")
            program(f"{root}/bin/python3.11")
            program(f"{root}/etc/apt")
            os.chmod(f"{root}/etc/apt", 0o644)
            os.mkdir(f"{root}/bin/gdb")
            os.makedirs(f"{root}/usr/lib/apt/methods")
            program(f"{root}/usr/lib/apt/methods/ftp")  # apt's own
            program(f"{root}/etc/ssh")

        tools = self.tools(Container(self, "kinds", prepare=prepare))
        del tools["/bin/busybox"]
        self.assertEqual({path: kinds for path, (kinds, _) in tools.items()},
                         {"/bin/strace": ["debugger"], "/bin/gcc-12": ["compiler"],
                          "/bin/aarch64-linux-gnu-g++-12": ["compiler"], "/bin/pip3.11": ["package-manager"]})

    def test_links(self):
        """They are followed in the container's root, and no further."""
        outside = self.scratch()
        program(f"{outside}/program")
        program(f"{outside}/gdb")  # on a volume, not in the image

        def prepare(root):
            os.symlink(f"{outside}/program", f"{root}/bin/gdb")
            os.symlink("/../../../../bin/cat", f"{root}/bin/ssh")  # cat is busybox
            os.symlink("tcc", f"{root}/bin/cc")
            os.symlink("cc", f"{root}/bin/tcc")
            os.symlink("/mnt/program", f"{root}/bin/apk")  # over a mount
            os.symlink("/proc/self/exe", f"{root}/bin/ltrace")
            os.symlink("/etc", f"{root}/bin/socat")
            os.symlink("/etc/passwd", f"{root}/bin/telnet")
            program(f"{root}/srv/interpreter")
            os.symlink("../srv/interpreter", f"{root}/bin/npm")

        container = Container(self, "links", lambda config: config["mounts"].append(bind(outside, "/mnt")),
                              prepare=prepare)
        tools = self.tools_with_gaps(container)
        self.assertEqual(sorted(tools), ["/bin/busybox", "/srv/interpreter"])
        self.assertIn("/bin/ssh", tools["/bin/busybox"][1])
        self.assertEqual(tools["/srv/interpreter"], (["package-manager"], ["/bin/npm"]))
        reasons = {reason["reason"]: reason.get("example") for coverage in self.told["coverage"]
                   for reason in coverage.get("reasons", ())}
        self.assertIn(reasons["link of a tool's name leads over a mount: not followed"],
                      ("/bin/apk", "/bin/ltrace"))

    def tools_with_gaps(self, container):
        return {tool["path"]: (tool["kinds"], tool["names"]) for tool in self.container_of(container)["tools"]}

    def test_findings(self):
        """They are judged by what the container may do."""
        def prepare(root):
            os.symlink("busybox", f"{root}/bin/nc")
            program(f"{root}/bin/apk")

        container = Container(self, "open", prepare=prepare)
        self.container_of(container)
        findings = self.findings()
        self.assertEqual({rule: finding["severity"] for rule, finding in findings.items()},
                         {"image.shell": "low", "image.network-tool": "low", "image.package-manager": "medium"})
        self.assertEqual(findings["image.package-manager"]["evidence"]["tools"], "/bin/apk")
        self.assertIn("/bin/nc", findings["image.network-tool"]["evidence"]["tools"])
        self.assertEqual(findings["image.shell"]["evidence"]["count"], 1)
        closed = Container(self, "closed", hardened, prepare=prepare)
        self.container_of(closed)
        self.assertEqual({rule: finding["severity"] for rule, finding in self.findings().items()},
                         {"image.shell": "info", "image.network-tool": "info", "image.package-manager": "info"})

    def test_distroless(self):
        container = Container(self, "distroless", only, prepare=make_distroless)
        self.assertEqual(self.tools(container), {})
        self.assertEqual({rule: finding["severity"] for rule, finding in self.findings().items()},
                         {"image.minimal": "info"})

    def test_ndjson(self):
        """The container's line tells of them as well."""
        container = Container(self, "lines")
        lines = self.lines("audit", "--container", container.id)
        told = [line for line in lines if line["type"] == "container"]
        self.assertEqual([[tool["path"] for tool in line["tools"]] for line in told], [["/bin/busybox"]])

    def test_excluded_directories(self):
        """What was left out is not said to be free of tools."""
        container = Container(self, "excluded")
        told = self.container_of(container, "--exclude", "/bin", "--exclude", "/srv")
        self.assertFalse(told["files_walked"])
        self.assertNotIn("tools", told)


harness.main()
