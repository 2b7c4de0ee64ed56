"""proctor findings: what is kept of real audits, read while it is written to and afterwards."""

import json
import os
import pathlib
import sqlite3
import subprocess
import unittest

import harness

REMEMBER = os.path.abspath(os.environ.get("REMEMBER", os.path.join(os.path.dirname(harness.HELPER), "remember")))


class FindingsTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.state = self.directory("state")
        self.audit = self.document(*harness.AUDIT)
        self.assertGreater(len(self.audit["findings"]), 2)

    def directory(self, name):
        path = pathlib.Path(self.scratch()) / name
        path.mkdir()
        return path

    def save(self, document, name):
        path = self.state.parent / name
        path.write_text(json.dumps(document))
        return path

    def remember(self, *documents):
        """The records that are told of these audits, one after the other."""
        paths = [self.save(document, f"{number}.json") for number, document in enumerate(documents)]
        result = self.run_command(REMEMBER, self.state, *paths)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        return [json.loads(line) for line in result.stdout.splitlines()]

    def findings(self, *arguments):
        return self.document("findings", "--state", self.state, *arguments)["findings"]

    def test_every_record_is_by_the_schema(self):
        changed = json.loads(json.dumps(self.audit))
        gone = changed["findings"].pop(0)
        changed["findings"][0]["why"] = "It is worse now."
        records = self.remember(self.audit, changed)
        for record in records:
            self.validate_line(record)
        opened = [record for record in records if record["status"] == "opened"]
        self.assertEqual(sorted(record["finding"]["id"] for record in opened),
                         sorted(finding["id"] for finding in self.audit["findings"] if "exception" not in finding))
        self.assertEqual({record["status"]: record["finding"]["id"] for record in records[-2:]},
                         {"resolved": gone["id"], "changed": changed["findings"][0]["id"]})
        self.assertEqual([record["sequence"] for record in records],
                         sorted({record["sequence"] for record in records}))
        self.assertEqual(records[0]["host"]["hostname"], os.uname().nodename)

    def test_the_document_tells_what_is_open(self):
        less = dict(self.audit, findings=self.audit["findings"][1:])
        self.remember(self.audit, less)
        self.assertEqual({record["finding"]["id"]: record["finding"] for record in self.findings()},
                         {finding["id"]: finding for finding in less["findings"]})
        self.assertEqual([record["finding"] for record in self.findings("--status", "resolved")],
                         [self.audit["findings"][0]])
        self.assertEqual(len(self.findings("--status", "all")), len(self.audit["findings"]))
        lines = self.lines("findings", "--state", self.state, "--status", "all")
        self.assertEqual(lines, [{"type": "finding", **record} for record in self.findings("--status", "all")])

    def test_the_worst_come_first(self):
        self.remember(self.audit)
        order = ["critical", "high", "medium", "low", "info"]
        severities = [order.index(record["finding"]["severity"]) for record in self.findings()]
        self.assertEqual(severities, sorted(severities))

    def test_what_is_asked_for(self):
        self.remember(self.audit)
        rule = self.audit["findings"][0]["rule"]
        told = self.findings("--rule", rule)
        self.assertEqual({record["finding"]["rule"] for record in told}, {rule})
        self.assertEqual(len(self.findings("--since", "1h")), len(self.audit["findings"]))
        self.assertEqual(self.findings("--since", "2099-01-01"), [])
        self.assertEqual(self.findings("--container", "no such one"), [])

    def test_the_table(self):
        self.remember(self.audit)
        lines = self.proctor("findings", "--state", self.state).stdout.decode().splitlines()
        self.assertEqual(lines[0].split(), ["SEVERITY", "STATUS", "AGE", "SEEN", "CONTAINER", "RULE", "TITLE"])
        self.assertEqual(len(lines) - 1, len(self.audit["findings"]))
        self.assertEqual([line.split()[1] for line in lines[1:]], ["open"] * (len(lines) - 1))
        self.assertLessEqual({line.split()[5] for line in lines[1:] if line.split()[4] == "host"},
                             {finding["rule"] for finding in self.audit["findings"]})

    def test_it_is_read_while_it_is_written_to(self):
        path = self.save(self.audit, "audit.json")
        with subprocess.Popen([REMEMBER, self.state, path, "-"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as keeper:
            try:
                for _ in self.audit["findings"]:
                    self.assertTrue(keeper.stdout.readline())
                self.assertEqual(len(self.findings()), len(self.audit["findings"]))
                refused = self.run_command(REMEMBER, self.state)
                self.assertEqual(refused.returncode, 1)
                self.assertIn(b"in use by another agent", refused.stderr)
            finally:
                keeper.stdin.close()
                keeper.wait(timeout=harness.TIMEOUT)
        self.assertEqual(keeper.returncode, 0)

    @harness.needs_root
    @harness.needs("setpriv")
    def test_who_may_only_read_reads(self):
        """Nobody may not make the files that SQLite shares: where no agent runs it reads without."""
        self.remember(self.audit)
        os.chmod(self.state.parent, 0o755)
        os.chmod(self.state, 0o755)
        os.chmod(self.state / "proctor.db", 0o644)
        before = sorted(os.listdir(self.state))
        binary = self.binary(user=harness.NOBODY)
        result = self.run_command("setpriv", "--reuid", str(harness.NOBODY), "--regid", str(harness.NOBODY),
                                  "--clear-groups", binary, "findings", "--state", self.state, "--format", "ndjson",
                                  env=dict(os.environ, **harness.WITHOUT_LEAKS))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(result.stdout.splitlines()), len(self.audit["findings"]))
        self.assertEqual(sorted(os.listdir(self.state)), before)

    def test_what_cannot_be_read(self):
        for arguments, message in (
                ((), "no agent has kept a state in"),
                (("--status", "new"), "no status is called `new`"),
                (("--since", "soon"), "is neither an age nor a time"),
                (("--rule", "nothing.*"), "nothing.*"),
        ):
            with self.subTest(arguments=arguments):
                result = self.proctor("findings", "--state", self.state, *arguments, status=3 if not arguments else 2)
                self.assertIn(message, result.stderr.decode())
                self.assertEqual(result.stdout, b"")
        (self.state / "proctor.db").write_bytes(b"noise" * 4000)
        result = self.proctor("findings", "--state", self.state, status=3)
        self.assertIn("file is not a database", result.stderr.decode())

    def test_it_can_be_read_by_others(self):
        """The file is SQLite's: whoever has that reads it without Proctor."""
        self.remember(self.audit)
        with sqlite3.connect(f"file:{self.state}/proctor.db?mode=ro", uri=True) as connection:
            rows = connection.execute("SELECT rule, standing FROM finding").fetchall()
        self.assertEqual(sorted(rows), sorted((finding["rule"], "open") for finding in self.audit["findings"]))


if __name__ == "__main__":
    harness.main()
