"""The container image: its root file system by dist/image.sh, Proctor in it as a user without rights, and the last
stage of dist/Dockerfile by a real dockerd."""

import ctypes
import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess

import containers
import dockerd
import harness
import image
from image import STATE, USER

AUTHORITIES = pathlib.Path("/usr/share/ca-certificates/mozilla")
CURLINFO_CAINFO = 0x100000 + 61
CARRIED = "cap_dac_read_search,cap_net_admin,cap_sys_ptrace=p"


class ImageCase(harness.Case):
    @classmethod
    def setUpClass(cls):
        cls.root = image.make(harness.ClassKeeper(cls))


@harness.needs_root
@harness.needs(*image.COMMANDS)
class RootTest(ImageCase):
    def test_what_is_in_it(self):
        """One program, libraries, licenses, authorities, one user, the configuration: no shell, no tool, nothing setuid."""
        found = image.files(self.root)
        plain = {path for path, (mode, *_) in found.items() if mode & 0o170000 == 0o100000}
        libraries = {path for path in plain if ".so" in path}
        licenses = {path for path in plain if path.startswith("/usr/share/doc/")}
        self.assertEqual(plain - libraries - licenses,
                         {"/usr/bin/proctor", "/etc/passwd", "/etc/group", "/etc/proctor/proctor.conf", self.bundle()})
        self.assertEqual(libraries, self.needed())
        self.assertIn("/usr/share/doc/proctor/LICENSE", licenses)
        owners = {path: owner for path, (_, *owner, _) in found.items() if owner != [0, 0]}
        self.assertEqual(owners, {STATE: [USER, USER]})
        self.assertEqual([path for path, (mode, *_) in found.items() if mode & 0o6022], [])
        self.assertEqual([path for path, (*_, attributes) in found.items() if attributes], ["/usr/bin/proctor"])

    @staticmethod
    def needed():
        """The libraries of the program, those that it loads by name, and theirs."""
        with open(harness.PROCTOR, "rb") as file:
            names = {name.decode() for name in re.findall(rb"lib(?:bpf|curl|microhttpd|msgpackc|z)\.so\.\d+", file.read())}
        told = subprocess.run([harness.find_command("ldconfig"), "-p"], stdout=subprocess.PIPE, check=True).stdout.decode()
        paths = [re.search(rf"^\t{re.escape(name)} .* => (\S+)$", told, re.MULTILINE)[1] for name in names]
        return {path for item in (harness.PROCTOR, *paths) for path in containers.libraries_of(item)} | set(paths)

    def bundle(self):
        """The file in which the image's libcurl looks for authorities: curl_easy_getinfo(3), CURLINFO_CAINFO."""
        curl = ctypes.CDLL(next(path for path in self.needed() if "/libcurl.so" in path))
        curl.curl_easy_init.restype = ctypes.c_void_p
        handle, path = ctypes.c_void_p(curl.curl_easy_init()), ctypes.c_char_p()
        self.assertEqual(curl.curl_easy_getinfo(handle, CURLINFO_CAINFO, ctypes.byref(path)), 0)
        found = path.value.decode()
        curl.curl_easy_cleanup(handle)
        return found

    def test_authorities(self):
        """They are those of the distribution, where libcurl looks, and TLS takes them."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=self.root + self.bundle())
        self.assertGreater(context.cert_store_stats()["x509_ca"], 50)
        if AUTHORITIES.is_dir():
            self.assertEqual(context.cert_store_stats()["x509_ca"], len(list(AUTHORITIES.glob("*.crt"))))
            self.assertTrue(os.path.exists(f"{self.root}/usr/share/doc/ca-certificates/copyright"))

    @harness.needs("getcap")
    def test_carries_capabilities(self):
        """Permitted, not effective: execve(2) fails nowhere."""
        told = self.run_command("getcap", f"{self.root}/usr/bin/proctor").stdout.decode()
        self.assertEqual(told.split()[1:], [CARRIED])

    def test_one_user(self):
        with open(f"{self.root}/etc/passwd", encoding="ascii") as file:
            self.assertRegex(file.read(), rf"\Aproctor:x:{USER}:{USER}:[^\n]*\n\Z")
        with open(f"{self.root}/etc/group", encoding="ascii") as file:
            self.assertEqual(file.read(), f"proctor:x:{USER}:\n")

    @image.needs_agent
    def test_configuration_is_understood(self):
        self.proctor("agent", "--check-config", "--config", f"{self.root}/etc/proctor/proctor.conf")

    def test_archive(self):
        """The same tree, byte for byte the same archive each time."""
        archives = [image.make(self, "image.tar") for _ in range(2)]
        first, second = (open(path, "rb").read() for path in archives)
        self.assertTrue(first == second)
        tree = self.scratch()
        self.run_command("tar", "-C", tree, "--xattrs", "--xattrs-include=*", "-xf", archives[0])
        self.assertEqual(image.files(tree), image.files(self.root))
        self.comment(f"the image: {len(first) >> 10} KiB")

    def test_refuses(self):
        """What it cannot do, on one line."""
        script, build = str(harness.SOURCE / "dist/image.sh"), os.path.dirname(harness.PROCTOR)
        for arguments, options, status, words in (
                ((), {}, 2, "Usage: "), ((build, self.root), {}, 1, "is there already"),
                (("/nowhere", f"{self.root}-2"), {}, 1, "build it first"),
                ((build, "/tmp/never"), {"user": harness.NOBODY, "group": harness.NOBODY, "extra_groups": []}, 1,
                 "only root" if harness.everyone_may_run(harness.PROCTOR) else "image.sh: ")):
            if options and not harness.everyone_may_run(script):
                continue
            result = self.run_command("sh", script, *arguments, cwd="/", **options)
            self.assertEqual(result.returncode, status, result.stderr)
            self.assertIn(words, result.stderr.decode())
        self.assertFalse(os.path.exists("/tmp/never"))


@containers.needs_containers
@harness.needs(*image.COMMANDS)
@image.without_sanitizers
class RunTest(ImageCase):
    """As user 65532 on a read-only root, beside a container of which it is not the user."""

    def setUp(self):
        self.other = containers.Container(self, "application", prepare=self.close)

    @staticmethod
    def close(root):
        """A setuid file in the root's directories, and one in a directory that only its owner lists."""
        os.mkdir(f"{root}/home/closed", 0o700)
        for path in ("/home/become", "/home/closed/become"):
            shutil.copy(f"{root}/bin/busybox", root + path)
            os.chmod(root + path, 0o4755)

    def inside(self, *granted, arguments=("audit",)):
        result = image.run(self, self.root, *arguments, "--format", "json",
                           changes=(image.grant(*granted), image.beside(self.other.pid)))
        self.assertEqual(result.returncode, 0, result.stderr)
        told = json.loads(result.stdout)
        self.validate(told)
        return told

    def other_of(self, told):
        own, other = sorted(told["containers"], key=lambda container: not container["auditor"])
        self.assertEqual((own["auditor"], other["auditor"]), (True, False))
        return other, {file["path"] for file in told["files"] if file.get("container_id") == other["id"]}

    def test_version(self):
        result = image.run(self, self.root, "--version")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertEqual(result.stdout, self.proctor("--version").stdout)

    def test_with_sys_ptrace(self):
        """All that Fargate lets it have: it reads the other's root."""
        other, files = self.other_of(self.inside("SYS_PTRACE"))
        self.assertEqual([tool["path"] for tool in other["tools"]], ["/bin/busybox"])
        self.assertEqual(files, {"/home/become"})

    def test_with_the_right_to_search(self):
        _, files = self.other_of(self.inside("SYS_PTRACE", "DAC_READ_SEARCH"))
        self.assertEqual(files, {"/home/become", "/home/closed/become"})

    def test_without_capabilities(self):
        """It starts, and says what it lacks."""
        told = self.inside()
        reasons = [reason for collector in told["coverage"] for reason in collector["reasons"]]
        self.assertTrue([reason for reason in reasons if "CAP_SYS_PTRACE" in reason.get("remedy", "")], reasons)
        self.assertEqual([file for file in told["files"] if file.get("path") == "/home/become"], [])


@harness.needs_root
@harness.needs(*dockerd.COMMANDS, *image.COMMANDS)
class DockerTest(ImageCase):
    """The image by the last stage of the Dockerfile; what its first stage makes comes from here."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        keeper = harness.ClassKeeper(cls)
        cls.dockerd = dockerd.Dockerd(keeper)
        archive = image.make(keeper, "root.tar")
        context = os.path.dirname(archive)
        text = (harness.SOURCE / "dist/Dockerfile").read_text()
        cls.first, _, cls.last = text.partition("\nFROM scratch\n")
        with open(f"{context}/Dockerfile", "w", encoding="utf-8") as file:
            file.write(f"FROM scratch AS build\nADD root.tar /image/\nFROM scratch\n{cls.last}")
        cls.built = cls.dockerd.docker("build", "--network", "none", "--tag", "proctor", context)

    def test_root(self):
        """It is that of dist/image.sh, owners and capabilities included."""
        self.assertEqual(self.built.returncode, 0, self.built.stderr)
        self.assertIn("dist/image.sh /image ", self.first)
        container = self.dockerd.docker("create", "proctor").stdout.decode().strip()
        self.undo(self.dockerd.docker, "rm", "--force", "--volumes", container)
        tree = self.scratch()
        archive = f"{tree}.tar"
        self.undo(os.unlink, archive)
        self.assertEqual(self.dockerd.docker("export", "--output", archive, container).returncode, 0)
        self.run_command("tar", "-C", tree, "--xattrs", "--xattrs-include=security.capability", "-xf", archive)
        made = {path: told for path, told in image.files(tree).items() if path in image.files(self.root)}
        self.assertEqual(made, image.files(self.root))

    def test_settings(self):
        told = json.loads(self.dockerd.docker("inspect", "proctor").stdout)[0]["Config"]
        self.assertEqual((told["User"], told["Entrypoint"], told["Cmd"]), ("65532:65532", ["/usr/bin/proctor"], ["agent"]))
        self.assertEqual(told["Healthcheck"]["Test"], ["CMD", "/usr/bin/proctor", "health"])
        self.assertEqual(set(told["Volumes"]), {STATE})

    @image.without_sanitizers
    def test_runs(self):
        """As its user, on a read-only root, with and without capabilities."""
        for options in (("--cap-drop", "ALL", "--cap-add", "SYS_PTRACE"), ("--cap-drop", "ALL"),
                        ("--cap-drop", "ALL", "--security-opt", "no-new-privileges")):
            result = self.dockerd.docker("run", "--rm", "--network", "none", "--read-only", *options, "proctor", "audit", "--format", "json")
            self.assertEqual(result.returncode, 0, result.stderr)
            told = json.loads(result.stdout)
            self.validate(told)
            self.assertEqual({process["uids"]["effective"] for process in told["processes"]}, {USER})

    @image.needs_agent
    @image.without_sanitizers
    def test_agent(self):
        """As docker run starts it: healthy once it has looked, its memory on a volume, ended by SIGTERM."""
        container = self.dockerd.run("--network", "none", "--read-only", "--cap-drop", "ALL", "--cap-add", "SYS_PTRACE",
                                     "proctor")

        def proctor(*arguments):
            return self.dockerd.docker("exec", container, "/usr/bin/proctor", *arguments)
        self.wait_for(lambda: proctor("health").returncode == 0)
        self.wait_for(lambda: b'"capability.beyond-default"' in proctor(
            "findings", "--status", "suppressed", "--format", "json").stdout)
        self.assertEqual(self.dockerd.docker("stop", container).returncode, 0)
        state = json.loads(self.dockerd.docker("inspect", container).stdout)[0]["State"]
        self.assertEqual((state["ExitCode"], state["OOMKilled"]), (0, False))


if __name__ == "__main__":
    harness.main()
