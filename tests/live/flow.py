"""A flow of records from a store on disk to a sink (tests/live/flow.c), which may be killed and started again."""

import json
import os
import sqlite3
import subprocess
import urllib.parse

import harness

FLOW = os.path.join(os.path.dirname(harness.HELPER), "flow")


class Flow:
    """`count` records, so many a second, to the sink of that URL with these keys."""

    def __init__(self, case, url, keys, count, rate, wrap=(), environment=None, state=None):
        self.case, self.count, self.rate, self.wrap = case, count, rate, wrap
        self.state = state or case.scratch()
        pairs = "&".join(f"{key}={urllib.parse.quote(str(value), safe='/')}" for key, value in keys.items())
        self.environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        self.environment.update(environment or {}, PROCTOR_TO=f"{url}#{pairs}" if pairs else url)
        self.log = os.path.join(case.scratch(), "log")
        self.process = None
        self.start()

    def start(self, rate=None):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.wrap, FLOW, self.state, str(self.count), str(rate or self.rate)],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                            env=self.environment)
        self.undo = self.case.undo(harness.stop, self.process)

    def ask(self):
        """What became of its records so far."""
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return self.told(self.process.stdout.readline())

    def told(self, line):
        if not line:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                self.case.fail(f"the flow ended: {log.read()[-2000:]}")
        return json.loads(line)

    def kill(self):
        self.process.kill()
        self.undo()

    def stop(self):
        """Ends it as SIGTERM does the shipper; what it tells last."""
        self.process.stdin.close()
        told = self.told(self.process.stdout.readline())
        self.undo()
        return told

    def kept(self):
        """Ids of the records that its state has still, when it has ended: in the queue, and of dead letters."""
        return kept(self.state)


def kept(state):
    with sqlite3.connect(f"file:{state}/proctor.db?mode=ro", uri=True) as database:
        return [{json.loads(text)["record_id"] for text, in database.execute(f"SELECT text FROM {table}")}
                for table in ("queue", "dead_letter")]
