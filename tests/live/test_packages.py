"""An RPM and a Debian package, built by dist/packages.sh from the archive that `make dist` makes: what is in them, and
that it runs. Built without optimisation, which only takes time."""

import os
import re
import subprocess
import unittest

import harness

BUILD = os.path.dirname(harness.PROCTOR)
UNIT = "lib/systemd/system/proctor.service"
COMMON = {
    "/etc/proctor/proctor.conf", "/usr/bin/proctor", "/usr/lib/sysusers.d/proctor.conf",
    "/usr/lib/tmpfiles.d/proctor.conf", "/usr/share/bash-completion/completions/proctor",
    "/usr/share/fish/vendor_completions.d/proctor.fish", "/usr/share/proctor/proctor.schema.json",
    "/usr/share/zsh/site-functions/_proctor"}


def text_of(name):
    return (harness.SOURCE / name).read_text()


def version():
    return re.search(r"AC_INIT\(\[proctor\], \[(.*?)\]\)", text_of("configure.ac"))[1]


def bootstrap_packages(number):
    """What dist/bootstrap installs for the build: the first list is Debian's, the second Fedora's."""
    lists = (re.findall(rf"{what}_packages='([^']+)'", text_of("dist/bootstrap")) for what in ("build", "learn"))
    return {package for one in lists for package in one[number].split()}


class SourceTest(harness.Case):
    """What has to be in step."""

    def test_version(self):
        self.assertIn(f"\nVersion:        {version()}\n", text_of("dist/rpm/proctor.spec"))
        self.assertRegex(text_of("dist/debian/changelog"), rf"\Aproctor \({re.escape(version())}-\d+\) ")

    def test_debian_builds_with_what_bootstrap_installs(self):
        """But for the tools that make the archive, and those that every build on Debian has."""
        control = text_of("dist/debian/control").partition("Build-Depends:\n")[2].partition("\nStandards")[0]
        wanted = {line.strip(" ,").split()[0] for line in control.splitlines()} - {"debhelper-compat"}
        self.assertEqual(wanted, bootstrap_packages(0) - {"autoconf", "automake", "gcc", "libc6-dev", "make"})

    def test_rpm_builds_with_what_bootstrap_installs(self):
        wanted = set(re.findall(r"^BuildRequires: +(\S+)", text_of("dist/rpm/proctor.spec"), re.MULTILINE))
        self.assertEqual(wanted - {"systemd-rpm-macros"}, bootstrap_packages(1) - {"autoconf", "automake"})

    @harness.needs("dpkg-query")
    def test_debian_recommends_what_is_loaded(self):
        """And whom TLS trusts."""
        loaded = re.search(r"^loaded='(.+)'$", text_of("dist/image.sh"), re.MULTILINE)[1].split()
        holders = self.run_command("dpkg-query", "-S", *(f"*/{name}" for name in loaded)).stdout.decode()
        packages = {name.strip() for name in re.search(r"^Recommends: (.+)$", text_of("dist/debian/control"),
                                                       re.MULTILINE)[1].replace("|", ",").split(",")}
        self.assertIn("ca-certificates", packages)
        for name in loaded:
            holder = re.search(rf"^([^:]+):.* /\S*/{re.escape(name)}$", holders, re.MULTILINE)
            self.assertTrue(holder, f"{name}: of no package here")
            self.assertIn(holder[1], packages)


class PackageCase(harness.Case):
    """One archive for both, made in a directory of its own: nothing may stay behind in the build."""

    KIND, TOOLS = None, ()

    @classmethod
    def setUpClass(cls):
        missing = [name for name in ("make", "tar", "xz", *cls.TOOLS) if not harness.find_command(name)]
        if missing:
            raise unittest.SkipTest("not installed: " + ", ".join(missing))
        place = harness.ClassKeeper(cls).scratch()
        name = f"proctor-{version()}"
        cls.run_step("make", "-C", BUILD, "distdir", f"distdir={place}/{name}")
        cls.run_step("tar", "-C", place, "-cJf", f"{place}/{name}.tar.xz", name)
        cls.run_step(harness.SOURCE / "dist/packages.sh", f"{place}/{name}.tar.xz", place, cls.KIND)
        cls.package, cls.tree = f"{place}/proctor.{cls.KIND}", f"{place}/tree"
        os.mkdir(cls.tree)

    @staticmethod
    def run_step(*argv):
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        result = subprocess.run(list(map(str, argv)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=2 * harness.TIMEOUT, check=False,
                                env={**environment, "CFLAGS": "-O0", "XZ_OPT": "-0", "LC_ALL": "C.UTF-8"})
        if result.returncode:
            raise AssertionError(f"{argv}: {result.stdout.decode(errors='replace')[-4000:]}")

    def tell(self, *argv):
        result = self.run_command(*argv)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.decode()

    def files(self):
        """What was unpacked, each as it is named without compression."""
        return {os.path.join(directory, name).removeprefix(self.tree).removesuffix(".gz")
                for directory, _, names in os.walk(self.tree) for name in names}

    def assertWorks(self):
        self.assertEqual(self.tell(f"{self.tree}/usr/bin/proctor", "--version"), self.tell(harness.PROCTOR, "--version"))
        for directory, _, names in os.walk(self.tree):
            for name in names:
                path = os.path.join(directory, name)
                if not os.path.islink(path):
                    self.assertFalse(os.stat(path).st_mode & 0o6022, path)

    def assertUnit(self, path):
        with open(self.tree + path, encoding="utf-8") as file:
            self.assertIn("\nExecStart=/usr/bin/proctor agent\n", file.read())


class DebianTest(PackageCase):
    KIND, TOOLS = "deb", ("dpkg-buildpackage", "dpkg-deb", "dh")

    def test_package(self):
        self.tell("dpkg-deb", "-x", self.package, self.tree)
        doc = "/usr/share/doc/proctor"
        self.assertEqual(self.files(), COMMON | {
            f"/{UNIT}", "/usr/share/man/man8/proctor.8", f"{doc}/ARCHITECTURE.md", f"{doc}/README.md", f"{doc}/changelog",
            f"{doc}/changelog.Debian", f"{doc}/copyright"})
        self.assertWorks()
        self.assertUnit(f"/{UNIT}")
        with open(f"{self.tree}{doc}/copyright", encoding="utf-8") as file:
            self.assertIn("/usr/share/common-licenses/Apache-2.0", file.read())

    def test_control(self):
        control = f"{self.scratch()}/control"
        self.tell("dpkg-deb", "-e", self.package, control)
        for name, words in (("conffiles", ["/etc/proctor/proctor.conf"]), ("control", [f"Version: {version()}-", "libcap-ng0"]),
                            ("postinst", ["systemd-sysusers", "systemd-tmpfiles", "proctor.service"]),
                            ("prerm", ["proctor.service"])):
            with open(f"{control}/{name}", encoding="utf-8") as file:
                text = file.read()
            for word in words:
                self.assertIn(word, text, name)

    @harness.needs("lintian")
    def test_lintian(self):
        """No error; a test build is not optimised, and its maintainer's address is an example."""
        told = self.run_command("lintian", "--fail-on", "none", "--suppress-tags", "bogus-mail-host",
                                self.package).stdout.decode()
        self.assertEqual([line for line in told.splitlines() if line.startswith("E:")], [])


class RpmTest(PackageCase):
    KIND, TOOLS = "rpm", ("rpmbuild", "rpm", "rpm2cpio", "cpio")

    def test_package(self):
        with subprocess.Popen(["rpm2cpio", self.package], stdout=subprocess.PIPE) as archive:
            result = self.run_command("cpio", "--quiet", "-idm", cwd=self.tree, stdin=archive.stdout)
        self.assertEqual(result.returncode, 0, result.stderr)
        doc, unit = "/usr/share/doc/proctor", self.unit()
        files = {path for path in self.files() if "/.build-id/" not in path}
        self.assertEqual(files, COMMON | {
            unit, "/usr/share/man/man8/proctor.8", f"{doc}/ARCHITECTURE.md", f"{doc}/CHANGELOG.md", f"{doc}/README.md",
            f"/usr/share/licenses/proctor-{version()}/LICENSE"})
        self.assertWorks()
        self.assertUnit(unit)

    def unit(self):
        return [path for path in self.tell("rpm", "-qlp", self.package).split() if path.endswith(UNIT)][0]

    def test_header(self):
        self.assertEqual(self.tell("rpm", "-qp", "--qf", "%{NAME} %{VERSION} %{LICENSE}", self.package),
                         f"proctor {version()} Apache-2.0")
        flags = dict(line.split("|") for line in self.tell(
            "rpm", "-qp", "--qf", "[%{FILENAMES}|%{FILEFLAGS:fflags}\\n]", self.package).splitlines())
        self.assertEqual(flags["/etc/proctor/proctor.conf"], "cn")  # kept as the administrator has it
        self.assertEqual([path for path, flag in flags.items() if "l" in flag],
                         [f"/usr/share/licenses/proctor-{version()}/LICENSE"])
        self.assertIn("useradd", self.tell("rpm", "-qp", "--scripts", self.package))
        self.assertEqual(set(self.tell("rpm", "-qp", "--recommends", self.package).split()),
                         {"ca-certificates", "libbpf", "libcurl", "libmicrohttpd", "msgpack", "zlib"})


if __name__ == "__main__":
    harness.main()
