"""proctor run: what real programs need, learned and proven."""

import json
import os
import subprocess

import harness
from harness import Case, needs
from test_learn import reason, tells_ids


@harness.needs_root
class Run(Case):
    @classmethod
    def setUpClass(cls):
        why = reason()
        if why:
            raise harness.unittest.SkipTest(why)

    def run_program(self, *words):
        return self.run_command(harness.PROCTOR, "run", "--format", "json", *words)

    def told(self, *words):
        done = self.run_program(*words)
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(done.stdout)
        self.validate(document)
        return document

    def test_what_a_program_needs(self):
        place = self.scratch()
        told = self.told("--", "sh", "-c", f"touch {place}/f; chown 33 {place}/f; echo told")["containers"][0]
        self.assertEqual((told["recommended"], told["id"], told["saw_start"], told["complete"]),
                         (["CAP_CHOWN"], "sh", True, True))

    def test_what_it_leaves_behind(self):
        """It is waited for, and watched."""
        place = self.scratch()
        told = self.told("--", "sh", "-c", f"touch {place}/f; (sleep 1; exec chown 33 {place}/f) &")["containers"][0]
        self.assertEqual(told["recommended"], ["CAP_CHOWN"])
        self.assertEqual(os.stat(f"{place}/f").st_uid, 33)

    def test_what_others_do_meanwhile(self):
        place = self.scratch()
        other = subprocess.Popen(["sh", "-c", f"touch {place}/o; while [ -e {place}/o ]; do chown 33 {place}/o; done"],
                                 stderr=subprocess.DEVNULL)
        self.undo(harness.stop, other)
        told = self.told("--", "sleep", "0.5")
        self.assertEqual(told["containers"][0]["used"], [])
        self.assertNotIn("proofs", [key for key in told if told[key]])

    def test_the_proof(self):
        place = self.scratch()
        told = self.told("--prove", "--before", f"rm -f {place}/f", "--", "sh", "-ec",
                         f"touch {place}/f; chown 33 {place}/f; chmod 0 {place}/f; cat {place}/f")
        proof = told["proofs"][0]
        self.assertEqual(set(proof["proven"]), {"CAP_CHOWN", "CAP_DAC_READ_SEARCH", "CAP_FOWNER"})
        for name in proof["proven"]:
            less = set(proof["proven"]) - {name}
            self.assertIn((less, False), [(set(one["capabilities"]), one["passed"]) for one in proof["tries"]])

    def test_a_program_that_stays(self):
        """As a daemon does: what it left is ended with it each time."""
        place = self.scratch()
        told = self.told("--prove", "--within", "2s", "--before", f"rm -f {place}/f", "--check",
                         f"test $(stat -c %u {place}/f) = 33", "--", "sh", "-c",
                         f"touch {place}/f; (chown 33 {place}/f; exec sleep 987654) &")
        self.assertEqual(told["proofs"][0]["proven"], ["CAP_CHOWN"])
        self.assertNotIn(b"987654", self.run_command("ps", "-eo", "args").stdout)

    @needs("ping")
    def test_ping(self):
        """By its file capabilities the kernel does not even execute it without."""
        told = self.told("--prove", "--", "ping", "-c1", "127.0.0.1")
        self.assertEqual(told["proofs"][0]["proven"], ["CAP_NET_RAW"])

    def test_errors(self):
        for words, status, text in (
                ((), 2, b"no program is named"),
                (("--check", "true", "true"), 2, b"--check is for --prove"),
                (("--within", "0s", "true"), 2, b"'0s' is not within 1s and 1h"),
                (("--", "/nowhere/it-is"), 3, b"running /nowhere/it-is: No such file or directory"),
                (("--before", "false", "true"), 3, b"--before 'false' failed"),
                (("--prove", "--", "false"), 3, b"false does not end well within 5 s"),
                (("--prove", "--within", "1s", "--check", "false", "--", "sleep", "9"), 3,
                 b"the check does not pass within 1 s")):
            done = self.run_program(*words)
            self.assertEqual((done.returncode, done.stdout), (status, b""), words)
            self.assertIn(text, done.stderr)

    def test_the_table(self):
        place = self.scratch()
        done = self.run_command(harness.PROCTOR, "run", "--prove", "--before", f"touch {place}/f; chown 0 {place}/f",
                                "chown", "33", f"{place}/f")
        self.assertIn("Proven: chown: the check passes with it, and fails without any one of it", done.stdout.decode())


if __name__ == "__main__":
    harness.main(alone=not tells_ids())
