"""proctor rules and proctor explain: all that is in the tables, in every form, by every name."""

import json
import re

import harness
from harness import CAPABILITIES, DOCKER_DEFAULT, names

SEVERITIES = ("info", "low", "medium", "high", "critical")
AT_LEAST = """
    process.root-user process.root-regain process.permitted-not-effective process.thread-privileges
    process.no-seccomp process.new-privileges-allowed process.lsm-unconfined process.deleted-executable
    process.more-than-init capability.beyond-default capability.default-set capability.ambient
    capability.inheritable capability.bounding-open capability.unused
    capability.denied capability.newly-denied container.privileged container.host-pid
    container.host-network container.host-ipc container.host-uts container.host-cgroup container.host-user
    container.host-device mount.writable-root mount.host-path mount.runtime-socket mount.proc-unmasked
    mount.shared-propagation mount.writable-kernel-interface file.setuid file.setgid file.capabilities
    file.world-writable-privileged limit.memory limit.cpu limit.pids host.sysctl host.user-namespaces""".split()


class RulesTest(harness.Case):
    def rules(self, *globs):
        return self.document("rules", *globs)["rules"]

    def test_those_that_are_promised(self):
        ids = [rule["id"] for rule in self.rules()]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertEqual(set(AT_LEAST) - set(ids), set())

    def test_the_table_says_what_json_does(self):
        lines = self.proctor("rules").stdout.decode().splitlines()
        self.assertRegex(lines[0], "^RULE +SEVERITY +SENTENCE +REFERENCES$")
        rules = self.rules()
        self.assertEqual(len(lines), len(rules) + 1)
        for line, rule in zip(lines[1:], rules, strict=True):
            cells = re.split("  +", line)
            self.assertEqual(cells, [rule["id"], rule["severity"], rule["title"], "; ".join(rule["references"])])
            self.assertIn(rule["severity"], SEVERITIES)

    def test_globs(self):
        everything = [rule["id"] for rule in self.rules()]
        for globs in (["mount.*"], ["*"], ["*.host-*", "file.setuid"], ["process.root-user"], ["[cf]*"]):
            with self.subTest(globs=globs):
                chosen = [rule["id"] for rule in self.rules(*globs)]
                pattern = "|".join(glob.replace(".", r"\.").replace("*", ".*") for glob in globs)
                self.assertEqual(chosen, [name for name in everything if re.fullmatch(pattern, name)])

    def test_wrong_ones(self):
        for words in ([""], ["nothing.*"], ["mount.*", "nothing"], ["["], ["\x1b[2J"], ["*" * 1000 + "x"]):
            with self.subTest(words=str(words)[:80]):
                result = self.proctor("rules", *words, status=2)
                self.assertEqual(result.stdout, b"")
                self.assertOneLine(result.stderr, "; see 'proctor rules")
                self.assertNotIn(b"\x1b", result.stderr)

    def test_lines(self):
        lines = self.proctor("rules", "--format", "ndjson").stdout.decode().splitlines()
        records = [json.loads(line) for line in lines]
        for record in records:
            self.validate_line(record)
        self.assertEqual(records[0].pop("type"), "about")
        self.assertTrue(all(record.pop("type") == "rule" for record in records[1:]))
        self.assertEqual(records[1:], self.rules())

    @harness.needs("script")
    def test_it_fits_a_terminal(self):
        for columns in (20, 60, 80, 132):
            with self.subTest(columns=columns, NO_COLOR="1"):
                text = self.on_terminal("rules", columns=columns, NO_COLOR="1")
                self.assertTrue(all(len(line) <= columns for line in text.splitlines()), text)


class ExplainTest(harness.Case):
    def test_every_rule(self):
        for rule in self.document("rules")["rules"]:
            with self.subTest(rule=rule["id"]):
                text = self.proctor("explain", rule["id"]).stdout.decode()
                flat = " ".join(text.split())
                for part in ("attack", "why"):
                    words = " ".join(rule[part].split())[1:]
                    self.assertIn(words, flat)
                for place in ("dockerfile", "docker", "kubernetes"):
                    for line in rule["remediation"].get(place, "").splitlines():
                        self.assertIn("\n" + f"    {line}".rstrip() + "\n", text)
                for reference in rule["references"]:
                    self.assertIn(f"\n  {reference}\n", text)
                self.assertEqual(self.document("explain", rule["id"])["rules"], [rule])

    def test_what_goes_into_a_task_definition(self):
        """It is printed as JSON that can be pasted."""
        for rule in self.document("rules")["rules"]:
            ecs = rule["remediation"].get("ecs")
            with self.subTest(rule=rule["id"]):
                text = self.proctor("explain", rule["id"]).stdout.decode()
                printed = re.search(r"\n  ECS task definition:\n((?:    .*\n)+)", text)
                self.assertEqual(bool(printed), bool(ecs))
                if ecs:
                    self.assertEqual(json.loads(printed[1]), json.loads(ecs))
                    self.assertIsInstance(json.loads(ecs), dict)

    def test_every_capability_by_every_name(self):
        default = names(DOCKER_DEFAULT)
        for number, name in enumerate(CAPABILITIES):
            with self.subTest(capability=name):
                text = self.proctor("explain", name).stdout.decode()
                self.assertTrue(text.startswith(f"{name} ({number})\n"))
                self.assertIn("\n  In Docker's default set" if name in default else
                              "\n  Not in Docker's default set", text)
                for other in (name.lower(), name[4:].lower(), name[4:], str(number)):
                    self.assertEqual(self.proctor("explain", other).stdout.decode(), text)
                record, = self.document("explain", name)["capabilities"]
                self.assertEqual((record["name"], record["number"], record["docker_default"]),
                                 (name, number, name in default))
                self.assertIn(record["allows"], " ".join(text.split()))

    def test_the_nearest_is_offered(self):
        for wrong, right in (("net-raw", "net_raw"), ("CAP_SYS_AMDIN", "sys_admin"), ("host-pid", "container.host-pid"),
                             ("mount.runtime-sockets", "mount.runtime-socket"), ("Process.Root-User",
                                                                               "process.root-user")):
            with self.subTest(wrong=wrong):
                result = self.proctor("explain", wrong, status=2)
                self.assertOneLine(result.stderr, f"; the nearest is '{right}'")
                self.proctor("explain", right)

    def test_wrong_ones(self):
        for words in ([], [""], ["a", "b"], ["mount.*"], ["63"], ["64"], ["-1"], ["cap_63"], ["0x15"], ["x" * 100000],
                      ["\x1b[31m"], ["a\nb"], ["%n"], ["net_raw "], ["--", "--"],
                      ["net_raw", "--format", "yaml"]):
            with self.subTest(words=str(words)[:80]):
                result = self.proctor("explain", *words, status=2)
                self.assertEqual(result.stdout, b"")
                self.assertOneLine(result.stderr, "; ")
                self.assertLess(len(result.stderr), 600)
                self.assertRegex(result.stderr.decode(), r"\A[\x20-\x7e]+\n\Z")

    @harness.needs("script")
    def test_prose_is_as_wide_as_the_terminal_or_80_columns(self):
        for name in ("capability.beyond-default", "process.root-user", "sys_admin"):
            for columns in (None, 30, 60, 80, 200):
                with self.subTest(name=name, columns=columns, NO_COLOR="1"):
                    text = self.on_terminal("explain", name, columns=columns, NO_COLOR="1") if columns else \
                        self.proctor("explain", name).stdout.decode()
                    prose = text.partition("\nReferences\n")[0]
                    lines = [line for line in prose.splitlines() if not line.startswith("    ")]
                    self.assertTrue(all(len(line) <= (columns or 80) for line in lines), text)
                    if not columns:
                        wide = text
                    else:
                        self.assertEqual(text.split(), wide.split())

    def test_every_finding_can_be_explained(self):
        document = self.document(*harness.AUDIT)
        for rule in {finding["rule"] for finding in document["findings"]}:
            self.proctor("explain", rule)


if __name__ == "__main__":
    harness.main()
