"""proctor run --prove with real programs: what was learned of each is what is proven.

PROGRAMS=all tries all that are installed (make proofs prints them as a table); else those that take the least time."""

import os

import harness
from harness import Case
from proofs import PROGRAMS, granted, prove
from test_learn import reason, tells_ids

QUICK = ("nginx", "ping", "busybox httpd", "mount")


def proves(program):
    def test(self):
        missing = program.missing()
        if missing:
            self.skipTest(f"not installed: {missing}")
        document = prove(program, self.scratch())
        self.validate(document)
        self.assertProven(document["proofs"][0])
        if not program.why:
            self.assertEqual(document["proofs"][0]["learned"], document["proofs"][0]["proven"])
        told = granted(program, self.scratch())
        if told is not None:
            self.assertLessEqual(set(document["proofs"][0]["proven"]), set(told))
    return test


@harness.needs_root
class Proofs(Case):
    @classmethod
    def setUpClass(cls):
        why = reason()
        if why:
            raise harness.unittest.SkipTest(why)

    def assertProven(self, proof):
        """It was seen to work with these, and without each one not to."""
        proven = set(proof["proven"])
        tried = [(set(one["capabilities"]), one["passed"]) for one in proof["tries"]]
        self.assertIn((proven, True), tried)
        for name in proven:
            self.assertIn((proven - {name}, False), tried)


for each in PROGRAMS:
    if os.environ.get("PROGRAMS") == "all" or each.name in QUICK:
        setattr(Proofs, "test_" + each.name.replace(" ", "_"), proves(each))

if __name__ == "__main__":
    harness.main(alone=not tells_ids())
