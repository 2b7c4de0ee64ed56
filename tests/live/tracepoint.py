"""The kernel's own tracepoint of capability checks (tracefs), which tells of each check and not what is meant by it: what
whoever takes each granted check for a need would say of a program."""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time

import harness

GRANTED = re.compile(rb"cap_capable: .* cap ([0-9]+), ret 0$", re.MULTILINE)
CHECK_SECONDS = 10


class Trace:
    """An instance of tracefs that follows a program and all that it starts."""

    def __init__(self, directory):
        self.directory = directory
        self.write("options/event-fork", "1")
        self.write("buffer_size_kb", "8192")

    def write(self, name, text):
        with open(f"{self.directory}/{name}", "w", encoding="ascii") as file:
            file.write(text)

    def follow_me(self):
        self.write("set_event_pid", str(os.getpid()))  # before: without, all processes are told of
        self.write("events/capability/cap_capable/enable", "1")

    def granted(self):
        """The names of the capabilities of which a check was granted."""
        with open(f"{self.directory}/trace", "rb") as file:
            return sorted({harness.names(1 << int(number))[0] for number in GRANTED.findall(file.read())})


@contextlib.contextmanager
def tracing():
    """Ends the instance and its mount. OSError: the kernel has no such tracepoint, or we may not have it."""
    with tempfile.TemporaryDirectory(prefix="proctor-live-") as mounted, contextlib.ExitStack() as stack:
        subprocess.run(["mount", "-t", "tracefs", "none", mounted], check=True, stderr=subprocess.DEVNULL)
        stack.callback(subprocess.run, ["umount", mounted], check=True)
        directory = f"{mounted}/instances/proctor-{os.getpid()}"
        os.mkdir(directory)
        stack.callback(os.rmdir, directory)
        trace = Trace(directory)
        yield trace
        trace.write("events/capability/cap_capable/enable", "0")


def passes(check, environment):
    return not subprocess.run(["sh", "-c", check], check=False, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode


def granted_until(argv, check, environment):
    """Of the program, from its start until the check passes; until its end for None."""
    with tracing() as trace:
        program = subprocess.Popen(argv, cwd="/", env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=trace.follow_me)
        try:
            deadline = time.monotonic() + CHECK_SECONDS
            while not passes(check, environment) if check else program.poll() is None:
                if time.monotonic() > deadline:
                    raise AssertionError(f"{argv[0]}: the check does not pass")
                time.sleep(0.1)
            return trace.granted()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGTERM)
            harness.stop(program)
