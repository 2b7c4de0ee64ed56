"""Settings as the program reads them: from a file, from variables, from options."""

import os
import re

import harness
from harness import AUDIT, Case

FILE = """\
[agent]
interval = 1m
quick = 5
[sink.disk]
url = file:///var/log/proctor.json?keep=2
[rules]
off = mount.*
off = limit.*
"""


class Settings(Case):
    def setUp(self):
        self.file = f"{self.scratch()}/proctor.conf"
        self.write(FILE)

    def write(self, text):
        with open(self.file, "w") as file:
            file.write(text)

    def check(self, *arguments, status=0, **variables):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PROCTOR_")}
        done = self.run_command(harness.PROCTOR, "agent", "--check-config", *arguments,
                                env={**environment, **variables})
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stderr.decode() if status else done.stdout.decode()

    def in_force(self, text):
        """Sections, each with its keys and (value, origin)."""
        sections = {}
        for line in filter(None, text.splitlines()):
            if line.startswith("["):
                keys = sections.setdefault(line, {})
            else:
                setting, _, origin = line.partition(" ; ")
                key, _, value = setting.partition(" = ")
                keys.setdefault(key, []).append((value.strip(), origin))
        return sections

    def test_where_each_comes_from(self):
        told = self.in_force(self.check("--interval", "90s", PROCTOR_CONFIG=self.file, PROCTOR_QUICK="7",
                                        PROCTOR_RULES_OFF="host.*", PROCTOR_SINK_DISK_BATCH="3",
                                        PROCTOR_TO="stdout"))
        self.assertEqual(told["[agent]"]["interval"], [("90s", "--interval")])
        self.assertEqual(told["[agent]"]["quick"], [("7", "PROCTOR_QUICK")])
        self.assertEqual(told["[agent]"]["metrics"], [("off", "default")])
        self.assertEqual(told["[sink.disk]"]["url"], [("file:///var/log/proctor.json?keep=2", f"{self.file}:5")])
        self.assertEqual(told["[sink.disk]"]["batch"], [("3", "PROCTOR_SINK_DISK_BATCH")])
        self.assertEqual(told["[sink.stdout-63d42d26]"]["url"], [("stdout", "PROCTOR_TO")])
        self.assertEqual(told["[rules]"]["off"], [("host.*", "PROCTOR_RULES_OFF")])

    def test_the_sample_without_its_semicolons(self):
        """All of [agent], and of a sink what all kinds have; users may not be there."""
        text = (harness.SOURCE / "dist/proctor.conf").read_text().partition("\n; by network")[0]
        text = re.sub(r"^;(?=\[|(?!user|auditor_user)[a-z_]+ = )", "", text, flags=re.MULTILINE)
        self.write(text)
        told = self.in_force(self.check("--config", self.file))
        taken = re.findall(r"^([a-z_]+) = (.*)$", text, re.MULTILINE)
        self.assertGreater(len(taken), 25)
        for key, value in taken:
            values = [pair for section in ("[agent]", "[sink.file]") for pair in told[section].get(key, ())]
            self.assertEqual([(shown, origin.partition(":")[0]) for shown, origin in values], [(value, self.file)])

    def test_what_is_printed_is_a_configuration(self):
        def values(text):
            return {section: {key: [value for value, _ in found] for key, found in keys.items()}
                    for section, keys in self.in_force(text).items()}
        first = self.check("--config", self.file, "--to", "stdout", PROCTOR_STATE="memory")
        self.write(first)
        self.assertEqual(values(self.check("--config", self.file)), values(first))

    def test_mistakes(self):
        for variables, words in (({"PROCTOR_INTERVALL": "5m"}, ["the nearest is PROCTOR_INTERVAL"]),
                                 ({"PROCTOR_INTERVAL": "5"}, ["PROCTOR_INTERVAL: ", "not within 10 and 86400"]),
                                 ({"PROCTOR_TO": "gopher://x"}, ["PROCTOR_TO: ", "stdout"])):
            self.assertOneLine(self.check(status=2, **variables).encode(), *words)
        self.write("[agent]\nintervall = 5m\n")
        self.assertOneLine(self.check("--config", self.file, status=2).encode(), f"{self.file}:2:1: ", "'interval'")

    def test_an_audit_reads_the_same_file(self):
        rules = {finding["rule"] for finding in self.document(*AUDIT, "--config", self.file)["findings"]}
        self.assertTrue(rules)
        self.assertFalse({rule for rule in rules if rule.startswith(("mount.", "limit."))})


if __name__ == "__main__":
    harness.main()
