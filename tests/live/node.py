"""Others' code from npm (tests/live/npm/package.json), run by node."""

import os
import shutil
import subprocess
import tempfile

import harness

DIRECTORY = harness.SOURCE / "tests" / "live" / "npm"
INSTALL = ("npm", "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund")


class Modules:
    """The packages, installed once for all tests of the program. `reason`: why they are not there."""

    def __init__(self):
        self.reason = next((f"not installed: {name}" for name in ("node", "npm") if not shutil.which(name)), None)
        self.directory = None if self.reason else tempfile.mkdtemp(prefix="proctor-npm-")
        if self.directory:
            harness.Undo(harness.remove_tree, self.directory)
            self.install()

    def install(self):
        for name in "package.json", "package-lock.json":
            shutil.copy(DIRECTORY / name, self.directory)
        try:
            done = subprocess.run(INSTALL, cwd=self.directory, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
            said = done.stderr.decode(errors="replace").strip().splitlines() if done.returncode else None
        except subprocess.TimeoutExpired:
            said = ["no answer within two minutes"]
        if said is not None:
            self.reason = "npm cannot install packages: " + (said or ["it does not say why"])[0]


modules = None


def environment_for(case):
    """Where node finds the packages; the test is skipped where they cannot be had."""
    global modules
    modules = modules or Modules()
    if modules.reason:
        case.skipTest(modules.reason)
    return dict(os.environ, NODE_PATH=os.path.join(modules.directory, "node_modules"))


def run(case, script, *arguments, **options):
    """What a script of tests/live/npm writes."""
    return case.run_command("node", DIRECTORY / script, *arguments, env=environment_for(case), **options)


def start(case, script, *arguments, stdout=subprocess.PIPE):
    """A script that runs until its stdin ends, with the test."""
    process = subprocess.Popen(["node", DIRECTORY / script, *arguments], env=environment_for(case),
                               stdin=subprocess.PIPE, stdout=stdout)
    case.undo(harness.stop, process)
    return process
