"""What the benches share: a machine under load, by the helpers of the live tests, and rows of tables."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../live"))

import harness
from containers import Container

SLEEPERS = int(os.environ.get("PROCTOR_BENCH_PROCESSES", "2000"))
CONTAINERS = int(os.environ.get("PROCTOR_BENCH_CONTAINERS", "50"))
IMAGE_FILES = int(os.environ.get("PROCTOR_BENCH_IMAGE_FILES", "20000"))


def row(what, *cells):
    print(f"{what:<54}" + "".join(f"{cell:>12}" for cell in cells), flush=True)


def milliseconds(seconds):
    return f"{seconds * 1e3:.1f} ms"


def mebibytes(kibibytes):
    return f"{kibibytes / 1024:.1f} MiB"


class Sleepers:
    """Processes that do nothing, beside."""

    def __init__(self, count):
        self.count = count

    def __enter__(self):
        self.process = subprocess.Popen([harness.HELPER, "fork", str(self.count)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            raise SystemExit("the sleeping processes could not be started")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def pids(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
            return file.read().split()


def make_files(root, count):
    """A thousand files a directory; one of them is setuid."""
    for directory in range(count // 1000):
        path = f"{root}/{directory}"
        os.mkdir(path)
        for number in range(1000):
            os.close(os.open(f"{path}/{number}", os.O_CREAT | os.O_WRONLY, 0o644))
        os.chmod(f"{path}/0", 0o4755)


class Containers:
    """Containers of one image, whose files lie in ten layers beneath a directory that the host does not have."""

    def __init__(self, count, like=None):
        self.count, self.like = count, like

    def undo(self, function, *arguments):
        return self.stack.callback(function, *arguments)

    def scratch(self):
        path = tempfile.mkdtemp(prefix="proctor-bench-")
        self.undo(harness.remove_tree, path)
        return path

    def prepare(self, root):
        """The root becomes an overlay; the first one that was made is the base of all."""
        if not self.layers:
            self.layers = [f"{self.place}/base"]
            shutil.copytree(root, self.layers[0], symlinks=True)
            for number in range(10):
                layer = f"{self.place}/{number}"
                os.makedirs(f"{layer}/image/{number}")
                make_files(f"{layer}/image/{number}", IMAGE_FILES // 10)
                self.layers.insert(0, layer)
        shutil.rmtree(root)
        own = tempfile.mkdtemp(dir=self.place)
        for name in (root, f"{own}/upper", f"{own}/work"):
            os.mkdir(name)
        subprocess.run(["mount", "-t", "overlay", "-o", f"lowerdir={':'.join(self.layers)},"
                        f"upperdir={own}/upper,workdir={own}/work", "overlay", root], check=True)

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        with contextlib.ExitStack() as undone:
            self.stack = undone
            self.place = self.like.place if self.like else self.scratch()
            self.layers = self.like.layers if self.like else []
            self.pids = [Container(self, "bench", prepare=self.prepare).pid for _ in range(self.count)]
            self.stack = undone.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()
