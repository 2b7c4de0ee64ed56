"""Containers of a dockerd with --userns-remap: their root is nobody's on the host, and is judged so."""

import os
import shutil

import dockerd
import harness
from containers import make_root
from dockerd import REMAPPED, RemappedDockerd
from files import CAPABILITY, attribute
from harness import AUDIT, mask

BUSYBOX = "/bin/busybox"
AS_ROOT, AS_WEB, CAPABLE = "/home/as-root", "/home/as-web", "/home/busybox-capable"
WRITTEN = "/tmp/busybox-copy"
SCRIPT = f"echo >/etc/new; {BUSYBOX} cp {BUSYBOX} {WRITTEN}; exec {WRITTEN} sleep 86400"
OPTIONS = {
    "root": (),
    "user": ("--user", "1000:1000"),
    "host-users": ("--userns", "host"),
    "writer": (),
}


@harness.needs_root
@harness.needs(*dockerd.COMMANDS, "unshare", "findmnt")
class RemappedTest(harness.Case):
    @classmethod
    def setUpClass(cls):
        cls.dockerd = RemappedDockerd(harness.ClassKeeper(cls))
        root = f"{cls.dockerd.place}/root"
        make_root(root)
        for path, owner in ((AS_ROOT, 0), (AS_WEB, 33), (CAPABLE, 0)):
            shutil.copy(root + BUSYBOX, root + path)
            os.chown(root + path, owner, owner)
            os.chmod(root + path, 0o755 if path == CAPABLE else 0o4755)
        os.setxattr(root + CAPABLE, CAPABILITY, attribute(mask("CAP_SETUID"), effective=True))
        cls.dockerd.build("shop/remapped:1", root)
        cls.ids = {name: cls.start(name, options) for name, options in OPTIONS.items()}
        cls.audited = cls("test_identity").document("audit", "--docker-socket", cls.dockerd.socket)
        cls.told = {container["id"]: container for container in cls.audited["containers"]}

    @classmethod
    def start(cls, name, options):
        command = ["sh", "-c", SCRIPT] if name == "writer" else ["sleep", "86400"]
        return cls.dockerd.run("--network", "none", "--name", f"remapped-{name}", *options, "shop/remapped:1",
                               BUSYBOX, *command)

    def test_names_without_the_api(self):
        """What such a dockerd keeps lies in a directory for the users of its containers."""
        told = {container["id"]: container for container in self.document(*AUDIT)["containers"]}
        for name, identity in self.ids.items():
            with self.subTest(name):
                self.assertEqual((told[identity]["name"], told[identity]["image"], told[identity]["sources"]),
                                 (f"remapped-{name}", "shop/remapped:1", ["docker-files", "bundle"]))

    def findings(self, name):
        return {finding["rule"]: finding for finding in self.audited["findings"]
                if finding.get("container_name") == f"remapped-{name}"}

    def process(self, name):
        return [process for process in self.audited["processes"] if process.get("container_id") == self.ids[name]][0]

    def files(self, document):
        """Owners, outside and inside, of the files of the four."""
        return {(file["path"], file["container_id"]): (
            file["uid"], file["container_uid"], file["gid"], file["container_gid"])
                for file in document["files"] if file.get("container_id") in self.ids.values()}

    def test_identity(self):
        for name, identity in self.ids.items():
            with self.subTest(name):
                self.assertEqual((self.told[identity]["name"], self.told[identity]["image"]),
                                 (f"remapped-{name}", "shop/remapped:1"))
                self.assertEqual(self.told[identity]["sources"], ["docker", "bundle"])

    def test_who_is_root(self):
        """Uid 0 of a remapped container is root of a user namespace, to the host it is another uid."""
        process = self.process("root")
        self.assertEqual(process["uids"]["effective"], REMAPPED)
        self.assertEqual(process["uid_map"], [{"inside": 0, "outside": REMAPPED, "count": 65536}])
        self.assertEqual(self.findings("root")["process.root-user"]["severity"], "low")
        self.assertIn("another uid", self.findings("root")["process.root-user"]["why"])
        self.assertEqual(self.findings("host-users")["process.root-user"]["severity"], "medium")
        self.assertNotIn("process.root-user", self.findings("user"))
        self.assertEqual(self.process("user")["uids"]["effective"], REMAPPED + 1000)

    def test_what_its_root_may(self):
        for name, expected in (("root", {"capability.default-set": "info", "mount.writable-root": "low"}),
                               ("host-users", {"capability.default-set": "low", "mount.writable-root": "medium",
                                               "container.host-user": "low"})):
            told = {rule: finding["severity"] for rule, finding in self.findings(name).items()
                    if rule in ("capability.default-set", "mount.writable-root", "container.host-user")}
            self.assertEqual(told, expected, name)

    def test_files_have_their_owners(self):
        """By layers, and by the merged mount."""
        document = self.document("files")
        found = self.files(document)
        for name, root in (("root", 0), ("host-users", REMAPPED)):
            for path, owner in ((AS_ROOT, 0), (AS_WEB, 33), (CAPABLE, 0)):
                self.assertEqual(found[path, self.ids[name]],
                                 (REMAPPED + owner, root + owner, REMAPPED + owner, root + owner))
        self.assertEqual(len(found), 3 * len(self.ids))
        self.assertEqual({file["origin"] for file in document["files"]
                          if file.get("container_id") in self.ids.values()}, {"image"})
        merged = self.document("files", wrap=("setpriv", "--bounding-set", "-sys_admin"))
        self.assertEqual(self.files(merged), found)

    def test_setuid(self):
        """A file of its root makes root of its user namespace of who executes it, one of another user that one."""
        told = {finding["subject"]["path"]: finding for finding in self.audited["findings"]
                if finding["rule"] == "file.setuid" and finding.get("container_name") == "remapped-user"}
        self.assertEqual({path: finding["severity"] for path, finding in told.items()}, {AS_ROOT: "low", AS_WEB: "low"})
        self.assertIn("user namespace only", told[AS_ROOT]["why"])
        self.assertIn(f"uid {REMAPPED + 33}", told[AS_WEB]["why"])

    def test_file_capabilities(self):
        """They count, the kernel says, and in the container's user namespace only."""
        status = self.dockerd.docker("exec", self.ids["user"], CAPABLE, "cat", "/proc/self/status")
        self.assertIn(f"CapEff:\t{mask('CAP_SETUID'):016x}", status.stdout.decode())
        finding = self.findings("user")["file.capabilities"]
        self.assertEqual((finding["subject"]["path"], finding["severity"]), (CAPABLE, "low"))
        self.assertIn("not on the host", finding["why"])

    def test_written_at_run_time(self):
        """Its own layer is told from the image."""
        self.wait_for(lambda: [program["path"] for program in self.written()["programs"]] == [WRITTEN])
        self.assertEqual(self.written()["programs"][0]["origin"], "run-time")
        self.assertEqual(self.written()["written"], ["/etc/new", WRITTEN])
        self.assertEqual(self.told[self.ids["root"]]["written"], [])

    def written(self):
        document = self.document("audit", "--container", self.ids["writer"])
        return document["containers"][0]


if __name__ == "__main__":
    harness.main()
