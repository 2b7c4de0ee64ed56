"""dist/bootstrap, in a small tree whose configure and make do next to nothing, with all packages there."""

import os
import shutil

import harness
from harness import NOBODY

CONFIGURE = """#!/bin/sh
source=$(dirname "$0")
if [ "$source" != . ] && [ -f "$source/config.status" ]; then
	echo 'source directory already configured' >&2
	exit 1
fi
cp "$source/Makefile.in" Makefile && : >config.status
"""
MAKEFILE = """all: all-am
all-am: proctor
proctor: Makefile
\tprintf '#!/bin/sh\\necho audited "$$@"\\n' >$@ && chmod +x $@
"""


@harness.needs("make")
class BootstrapTest(harness.Case):
    def setUp(self):
        self.tree = self.scratch()
        os.chmod(self.tree, 0o755)
        for name in ("bin", "dist"):
            os.mkdir(f"{self.tree}/{name}")
        shutil.copy(harness.SOURCE / "dist/bootstrap", f"{self.tree}/dist/bootstrap")
        self.put("configure", CONFIGURE)
        self.put("Makefile.in", MAKEFILE)
        self.put("bin/apt-get", "#!/bin/sh\nexit 1\n")
        self.put("bin/dpkg-query", "#!/bin/sh\necho install ok installed\n")

    def put(self, name, text):
        with open(f"{self.tree}/{name}", "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(file.name, 0o755)

    def bootstrap(self, *arguments, status=0, user=None):
        options = {"user": user, "group": user, "extra_groups": []} if user is not None else {}
        result = self.run_command("sh", f"{self.tree}/dist/bootstrap", *arguments, cwd="/", **options,
                                  env={**os.environ, "PATH": f"{self.tree}/bin:{os.environ['PATH']}"})
        self.assertEqual(result.returncode, status, result.stderr)
        return result

    def assertAudits(self, place, said, **options):
        result = self.bootstrap("run", "-x", **options)
        self.assertEqual(result.stdout, b"audited audit -x\n")
        self.assertEqual(result.stderr.decode(), said)
        self.assertTrue(os.access(f"{self.tree}/{place}/proctor", os.X_OK))

    def test_builds_once(self):
        self.assertAudits("build", "Building build/proctor\n")
        self.assertAudits("build", "")

    def test_source_tree_that_is_configured(self):
        self.run_command("./configure", cwd=self.tree)
        self.assertAudits(".", "Building ./proctor\n")
        self.assertAudits(".", "")
        self.assertFalse(os.path.exists(f"{self.tree}/build"))

    @harness.needs_root
    def test_another_user_runs_what_is_there(self):
        self.bootstrap()
        self.assertAudits("build", "", user=NOBODY)
        os.utime(f"{self.tree}/build/Makefile", (1 << 32, 1 << 32))  # newer than what was made of it
        result = self.bootstrap("run", user=NOBODY, status=1)
        self.assertIn(b"build cannot be written to", result.stderr)

    @harness.needs_root
    def test_another_user_without_a_build(self):
        result = self.bootstrap(user=NOBODY, status=1)
        self.assertIn(b"build cannot be written to", result.stderr)
        result = self.bootstrap("check", user=NOBODY, status=1)
        self.assertEqual(result.stdout, b"0 passed, 1 failed, 0 skipped\n")


if __name__ == "__main__":
    harness.main()
