"""Agents for the live tests: started, asked, and ended with the test."""

import hashlib
import json
import os
import signal
import subprocess
import time

import harness

# Records of findings and heartbeats are checked against this part of the schema.
RECORDS = {"$ref": "#/$defs/record"}


def sink_name(url):
    """What a sink of --to is called, of a URL without password and query."""
    return f"{url.split(':')[0]}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"


class Agent:
    """A running `proctor agent` with its state and its records in a directory of its own."""

    def __init__(self, case, *arguments, directory=None, interval=None, state=None, to=None, wrap=(),
                 environment=None, binary=None, wait=True, preexec=None, pipesize=-1):
        self.case = case
        self.directory = directory or case.scratch()
        os.chmod(self.directory, 0o777)  # the agent gives up being root
        self.state = state or f"{self.directory}/state"
        self.file = f"{self.directory}/records.json"
        self.sink = sink_name(to or f"file://{self.file}")
        self.log_file = f"{self.directory}/log"
        self.checked = []
        words = [binary or harness.PROCTOR, "agent", "--state", self.state, "--to", to or f"file://{self.file}"]
        if interval:
            words += ["--interval", str(interval)]
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith("PROCTOR_")}
        if harness.SANITIZED:
            self.environment.update(harness.WITHOUT_LEAKS)  # it may not trace itself: its filter forbids it
        self.environment["PROCTOR_PATHS_EXCLUDE"] = "/[!b]*"  # /bin is enough, of containers above all
        self.environment.update(environment or {})
        self.log_at = os.path.getsize(self.log_file) if os.path.exists(self.log_file) else 0
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([*wrap, *words, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE if to == "stdout" else subprocess.DEVNULL,
                                            stderr=log, env=self.environment, preexec_fn=preexec,
                                            pipesize=pipesize)
        case.undo(self.end)
        if wait:
            self.wait_for_log("watching")

    # ---- ending ----------------------------------------------------------------------------------

    def end(self):
        """Ends it, by force when it must be, and what it left running: a wrapper does not end it."""
        try:
            pids = [self.parent(), *self.pids()] if self.process.poll() is None else []
        except (OSError, IndexError):
            pids = []
        if self.process.poll() is None:
            for pid in pids[:1]:
                os.kill(pid, signal.SIGTERM)  # not every wrapper hands it on
            harness.end_daemon(self.process)
        if self.process.stdout:
            self.process.stdout.close()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def stop(self):
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.process.wait(timeout=harness.TIMEOUT)

    # ---- its processes ---------------------------------------------------------------------------

    def parent(self):
        """The pid of the parent: of a wrapper that forked, its child."""
        pid = self.process.pid
        while "proctor" not in self.comm(pid):
            pid = int(children(pid)[0])
        return pid

    @staticmethod
    def comm(pid):
        with open(f"/proc/{pid}/comm") as file:
            return file.read()

    def pids(self):
        """Of the children of the parent."""
        try:
            return children(self.parent())
        except (OSError, IndexError):
            return []

    def status(self, **options):
        result = self.case.proctor("status", "--state", self.state, "--format", "json", env=self.environment,
                                   **options)
        return json.loads(result.stdout)

    def role(self, name):
        """The pid of parent, auditor or shipper, as this pid namespace has it, when it has told of itself."""
        self.case.wait_for(lambda: name in self.status()["pids"])
        return self.status()["pids"][name]

    # ---- what it says ----------------------------------------------------------------------------

    def log(self):
        with open(self.log_file, "rb") as file:
            file.seek(self.log_at)
            return file.read().decode()

    def wait_for_log(self, words):
        def said():
            if words in self.log():
                return True
            self.case.assertIsNone(self.process.poll(), f"the agent ended: {self.log()}")
            return False
        self.case.wait_for(said)

    def records(self):
        """All records that are out, in their order, each checked against the schema, once."""
        try:
            with open(self.file, "rb") as file:
                lines = file.read().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
        for line in lines[len(self.checked):]:
            self.checked.append(json.loads(line))
            validate(self.case, self.checked[-1])
        return self.checked

    def findings(self, **wanted):
        """Records of findings whose members, or whose finding's members, are as wanted."""
        def fits(record):
            return all(record.get(name, record["finding"].get(name)) == value for name, value in wanted.items())
        return [record for record in self.records() if record["type"] == "finding" and fits(record)]

    def wait_finding(self, condition=lambda record: True, **wanted):
        """The first record of a finding that fits, when it is out."""
        found = []

        def came():
            found[:] = [record for record in self.findings(**wanted) if condition(record)]
            return bool(found)
        self.case.wait_for(came)
        return found[0]

    def heartbeats(self):
        return [record for record in self.records() if record["type"] == "heartbeat"]

    def wait_heartbeat(self, count=1):
        """Until that many heartbeats are out; the last one."""
        self.case.wait_for(lambda: len(self.heartbeats()) >= count)
        return self.heartbeats()[-1]

    def wait_pass(self):
        """Until it has looked at everything, from now on."""
        passes = self.status()["full_passes"]
        os.kill(self.role("auditor"), 0)
        self.case.wait_for(lambda: self.status()["full_passes"] > passes)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def validate(case, record):
    validator = case.validator()
    if validator:
        part = validator.evolve(schema={**RECORDS, "$defs": validator.schema["$defs"]})
        case.assertEqual([error.message[:300] for error in part.iter_errors(record)], [], record)


def paths_of(record):
    return record["finding"]["subject"].get("path")


def sleep_until(moment):
    time.sleep(max(0, moment - time.monotonic()))
