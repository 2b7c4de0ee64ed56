"""Where the output goes, what is said when it cannot, and the exit status of everything."""

import json
import os
import random
import re
import resource
import shutil
import signal
import stat
import subprocess
import unicodedata

import harness
from harness import AUDIT, NOBODY, PROCTOR


class OutputTest(harness.Case):
    """Exit 3 and one line when the output does not arrive."""

    COMMANDS = (("ps", "-a"), ("ps", "-a", "--format", "json"), ("ps", "-a", "--format", "ndjson"), AUDIT,
                (*AUDIT, "--format", "json"), (*AUDIT, "--format", "ndjson"), ("rules",), ("--help",),
                ("decode", "--self"), ("explain", "process.root-user"), ("--version",))

    def test_full_disk(self):
        for command in self.COMMANDS:
            with self.subTest(command), open("/dev/full", "wb") as full:
                result = self.proctor(*command, stdout=full, status=3)
                self.assertOneLine(result.stderr, "No space left")

    def test_closed_pipe(self):
        for command in self.COMMANDS:
            with self.subTest(command):
                reader, writer = os.pipe()
                os.close(reader)
                result = self.proctor(*command, stdout=writer, status=3)
                os.close(writer)
                self.assertOneLine(result.stderr, "Broken pipe")

    def test_closed_stdout(self):
        for command in self.COMMANDS:
            with self.subTest(command):
                result = self.proctor(*command, wrap=("sh", "-c", "exec \"$@\" >&-", "sh"), status=3)
                self.assertOneLine(result.stderr)

    def test_output_file(self):
        place = self.scratch()
        path = f"{place}/out.json"
        result = self.proctor("ps", "-a", "--format", "json", "--output-file", path)
        self.assertEqual(result.stdout, b"")
        with open(path, encoding="utf-8") as file:
            self.validate(json.load(file))
        self.assertEqual(os.listdir(place), ["out.json"], "nothing else is left beside it")

    def test_output_file_replaces(self):
        path = f"{self.scratch()}/out"
        with open(path, "w", encoding="ascii") as file:
            file.write("old")
        before = os.stat(path).st_ino
        self.proctor("ps", "-a", "--output-file", path)
        self.assertNotEqual(os.stat(path).st_ino, before, "written beside and renamed")
        with open(path, "rb") as file:
            self.assertIn(b"PID", file.read())

    def test_output_file_is_kept_when_it_fails(self):
        """It may not grow: the old file is as it was, and nothing lies beside it."""
        place = self.scratch()
        with open(f"{place}/out", "w", encoding="ascii") as file:
            file.write("old")
        self.proctor("ps", "-a", "--format", "json", "--output-file", f"{place}/out", status=3,
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)))
        with open(f"{place}/out", encoding="ascii") as file:
            self.assertEqual(file.read(), "old")
        self.assertEqual(os.listdir(place), ["out"])

    @harness.needs("strace")
    @staticmethod
    def heed_signals():
        """As of someone at a terminal: who starts the tests by nohup(1) has SIGHUP ignored."""
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)

    def test_output_file_when_a_signal_ends_it(self):
        """Ended at the calls that put the file in its place: it is the old or the new one, alone."""
        place = self.scratch()
        path = f"{place}/out"
        for number in ("HUP", "INT", "TERM"):
            for call, content in (("fsync", b"old"), ("linkat", b"PID"), ("renameat", b"PID")):
                with self.subTest(number, call=call):
                    with open(path, "wb") as file:
                        file.write(b"old")
                    result = self.run_command("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                                              f"inject={call}:signal={number}:when=1", harness.PROCTOR, "ps", "-p",
                                              os.getpid(), "--output-file", path, preexec_fn=self.heed_signals,
                                              env={**os.environ, **harness.WITHOUT_LEAKS})
                    self.assertEqual(result.returncode, -getattr(signal, f"SIG{number}"), result.stderr)
                    with open(path, "rb") as file:
                        self.assertIn(content, file.read())
                    self.assertEqual(os.listdir(place), ["out"])

    @staticmethod
    def no_pids(count):
        """Ids above the highest that the kernel gives out."""
        with open("/proc/sys/kernel/pid_max", encoding="ascii") as file:
            highest = int(file.read())
        return [str(highest + i) for i in range(count)]

    def test_output_file_is_kept_without_the_processes_asked_for(self):
        path = f"{self.scratch()}/out"
        absent = self.no_pids(2)
        for command in (("ps", "-p"), (*AUDIT, "--pid")):
            for form in ("table", "json", "ndjson"):
                with self.subTest(command, form=form):
                    with open(path, "w", encoding="ascii") as file:
                        file.write("old")
                    result = self.proctor(*command, ",".join(absent), "--format", form, "--output-file", path,
                                          status=3)
                    with open(path, encoding="ascii") as file:
                        self.assertEqual(file.read(), "old")
                    self.assertOneLine(result.stderr, f"there is no process {', '.join(absent)}")

    def test_those_processes_that_are_there(self):
        own, (absent,) = os.getpid(), self.no_pids(1)
        for command in (("ps", "-p"), (*AUDIT, "--pid")):
            with self.subTest(command):
                result = self.proctor(*command, f"{absent},{own},{own}", "--format", "json", status=3)
                document = json.loads(result.stdout)
                self.assertEqual([record["pid"] for record in document["processes"]], [own])
                self.assertOneLine(result.stderr, f"there is no process {absent}")
                if command[0] == "ps":  # an audit reads all others, too
                    self.assertNotIn("ended", str(document["coverage"]))

    def test_output_file_where_none_can_be(self):
        place = self.scratch()
        os.mkdir(f"{place}/directory")
        for path in (f"{place}/missing/out", "/proc/out", f"{place}/directory", "/dev/full/out", ""):
            with self.subTest(path):
                result = self.proctor("ps", "-a", "--output-file", path, status=None)
                self.assertIn(result.returncode, (2, 3) if not path else (3,))
                self.assertOneLine(result.stderr, path)
                self.assertEqual(result.stdout, b"")

    @harness.needs_root
    def test_output_file_without_the_right(self):
        place = self.scratch()
        result = self.proctor("ps", "-a", "--output-file", f"{place}/out", user=NOBODY, status=3)
        self.assertOneLine(result.stderr, "Permission denied")
        self.assertEqual(os.listdir(place), [])

    @harness.needs_root
    @harness.needs("unshare")
    def test_output_file_on_a_full_file_system(self):
        place = self.scratch()
        script = f"mount -t tmpfs -o size=16k tmpfs {place} && head -c 12k /dev/zero >{place}/fill && " \
                 f"\"$@\"; code=$?; ls {place}; exit $code"
        helpers = [self.helper("fork", 200)]
        self.assertTrue(helpers)
        result = self.proctor("ps", "-a", "--format", "json", "--output-file", f"{place}/out", status=3,
                              wrap=("unshare", "--mount", "sh", "-c", script, "sh"))
        self.assertOneLine(result.stderr, "No space left")
        self.assertEqual(result.stdout.split(), [b"fill"])

    def test_no_control_characters_off_a_terminal(self):
        for command in self.COMMANDS:
            with self.subTest(command):
                self.assertNotIn(b"\x1b", self.proctor(*command).stdout)

    def test_ndjson(self):
        lines = self.proctor(*AUDIT, "--format", "ndjson").stdout.decode().splitlines()
        types = {json.loads(line)["type"] for line in lines}
        self.assertLessEqual({"process", "coverage", "summary"}, types)

    def calls(self, *arguments):
        """Which files it opens and what it writes, in order, as strace tells."""
        trace = f"{self.scratch()}/trace"
        result = self.run_command("strace", "-f", "-qq", "-s", "40", "-o", trace, "-e", "trace=openat,write",
                                  harness.PROCTOR, *arguments, env={**os.environ, **harness.WITHOUT_LEAKS})
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(trace, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()

    def assertOrder(self, calls, *words):
        """Each of the patterns first matches a call behind that of the one before."""
        places = [next((at for at, call in enumerate(calls) if re.search(word, call)), None) for word in words]
        self.assertNotIn(None, places, dict(zip(words, places)))
        self.assertEqual(places, sorted(places), dict(zip(words, places)))

    @harness.needs("strace")
    def test_ndjson_is_written_as_it_is_read(self):
        header, process = (rf'write.*"\{{\\"type\\":\\"({kinds})\\"'
                           for kinds in ("header", "container|process"))
        self.assertOrder(self.calls("ps", "-a", "--format", "ndjson"), header, '"status"', process)
        # The header tells of the ECS agent, which is known with the containers.
        self.assertOrder(self.calls(*AUDIT, "--format", "ndjson"), '"status"', header, '"mountinfo"', process)

    def test_ndjson_holds_the_documents_records(self):
        pid = self.helper().pid
        lines = self.proctor("ps", "-p", pid, "--format", "ndjson").stdout.decode().splitlines()
        records = [record for record in map(json.loads, lines) if record.pop("type") == "process"]
        self.assertEqual(records, self.document("ps", "-p", pid)["processes"])


@harness.needs("script")
class TerminalTest(harness.Case):
    """On a terminal: colour unless NO_COLOR, lines of its width, no raw bytes."""

    def test_colour(self):
        self.assertIn("\x1b[", self.on_terminal(*AUDIT))
        self.assertNotIn("\x1b", self.on_terminal(*AUDIT, NO_COLOR="1"))

    WIDTHS = (25, 40, 60, 80, 132)

    def test_width(self):
        """Of tables and of the text of an audit; wide characters take two columns."""
        if harness.is_root():
            some = harness.own_sets()["permitted"] & 0x5555555555
            self.helper("caps", some, some, 0)
        place = self.scratch()
        for name in ("a name with blanks", "\N{CJK UNIFIED IDEOGRAPH-4E16}" * 40, "long" * 50):
            shutil.copy(harness.HELPER, f"{place}/{name}")
            os.chmod(f"{place}/{name}", 0o4755)
        for command in (("ps", "-a"), ("ps", "-a", "--tree"), ("files", place), AUDIT,
                        (*AUDIT, "--min-severity", "info")):
            for columns in self.WIDTHS:
                with self.subTest(command, columns=columns):
                    lines = self.on_terminal(*command, columns=columns, NO_COLOR="1").splitlines()
                    self.assertGreater(len(lines), 3)
                    for line in lines:
                        wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in line)
                        self.assertLessEqual(len(line) + wide, columns, line)

    def test_columns_that_have_no_room(self):
        """The answer is kept to the last, and how many are missing is told on the terminal only."""
        listed = self.proctor("ps", "--help").stdout.decode().split("\nColumns:\n")[1].split("\n\n")[0]
        everything = re.findall(r"^  (\S+)", listed, re.MULTILINE)
        for columns, arguments in ((25, ()), (80, ("--output", ",".join(everything)))):
            command = ("ps", "-p", os.getpid(), *arguments)
            text = self.on_terminal(*command, columns=columns, errors=True, NO_COLOR="1")
            headers, told = text.splitlines()[0].split(), re.search(r"proctor: (\d+) columns are left out", text)
            self.assertIn("EFFECTIVE", headers)
            whole = self.proctor(*command)
            self.assertEqual(len(headers) + int(told[1]), len(whole.stdout.splitlines()[0].split()))
            self.assertNotIn(b"left out", whole.stderr)


class StatusTest(harness.Case):
    """0 audited, 1 --fail-on met, 2 wrong usage or configuration, 3 could not."""

    def assertUsage(self, *arguments, words=()):
        result = self.proctor(*arguments, status=2)
        self.assertEqual(result.stdout, b"")
        self.assertOneLine(result.stderr, *words)
        self.assertLessEqual(result.stderr.count(b"see 'proctor"), 1, "one hint is enough")

    def test_audited(self):
        self.proctor(*AUDIT)
        self.proctor("--no-collector", "filesystem")  # audit is the default
        self.proctor("ps")
        self.proctor("ps", "-p", os.getpid())

    @harness.needs_root
    def test_fail_on(self):
        """A deleted privileged executable is worth more than low on a host."""
        path = f"{self.scratch()}/gone"
        harness.shutil.copy(harness.HELPER, path)
        process = self.spawn(path)
        os.unlink(path)
        chosen = (*AUDIT, "--pid", process.pid)
        document = self.document(*chosen)
        severities = {finding["severity"] for finding in document["findings"]}
        for severity in ("info", "low", "medium", "high", "critical"):
            scale = ["info", "low", "medium", "high", "critical"]
            met = any(scale.index(one) >= scale.index(severity) for one in severities)
            self.proctor(*chosen, "--fail-on", severity, status=1 if met else 0)
        self.assertIn("process.deleted-executable", {finding["rule"] for finding in document["findings"]})

    def test_min_severity(self):
        document = self.document(*AUDIT, "--min-severity", "high")
        self.assertLessEqual({finding["severity"] for finding in document["findings"]}, {"high", "critical"})

    def test_rules_chosen(self):
        document = self.document(*AUDIT, "--rule", "host.*")
        self.assertLessEqual({finding["rule"].split(".")[0] for finding in document["findings"]}, {"host"})
        document = self.document(*AUDIT, "--no-rule", "process.*", "--no-rule", "host.*")
        self.assertFalse({finding["rule"].split(".")[0] for finding in document["findings"]} &
                         {"process", "host"})

    def test_collectors_switched_off(self):
        """That there is none of a kind is not said where none was looked for."""
        for off in ("mount", "filesystem", "mount,filesystem"):
            with self.subTest(off):
                document = self.document("audit", "--no-collector", off)
                for collector, member in (("mount", "mounts"), ("filesystem", "files")):
                    self.assertEqual(member in document, collector not in off.split(","))
                    self.assertEqual(member in document["summary"]["seen"], collector not in off.split(","))
                told = {entry["collector"]: str(entry["reasons"]) for entry in document["coverage"]}
                for collector in off.split(","):
                    self.assertIn("switched off", told[collector])

    def test_wrong_usage(self):
        for arguments in (("nonsense",), ("ps", "--nonsense"), ("ps", "-p", "x"), ("ps", "-p"),
                          ("ps", "--format", "xml"), ("audit", "--fail-on", "dreadful"),
                          ("audit", "--min-severity", ""), ("ps", "--output", "NONSENSE"), ("ps", "operand"),
                          ("audit", "--rule", "no.such-rule"), ("audit", "--no-collector", "nonsense"),
                          ("explain",), ("explain", "no.such"), ("decode", "xyz"), ("ps", "-p", "-1"),
                          ("ps", "-p", "99999999999999999999"), ("ps", "-p", "")):
            with self.subTest(arguments):
                self.assertUsage(*arguments)

    def test_paths_that_no_directory_has(self):
        for path in ("", "usr", "./usr", "~", "/usr/", "//usr", "/usr//bin", "/./usr", "/usr/../bin", "/usr/."):
            for command in (AUDIT, ("files",)):
                with self.subTest(path, command=command):
                    self.assertUsage(*command, "--exclude", path, words=(f"--exclude {path}: '{path}'",))
            with self.subTest(path), open(f"{self.scratch()}/conf", "w", encoding="ascii") as file:
                file.write(f"[paths]\nexclude = {path}\n")
                file.flush()
                self.assertUsage(*AUDIT, "--config", file.name, words=(f"{file.name}:2:11: '{path}'",))

    def test_help_and_version(self):
        for arguments in (("--help",), ("--version",), *((name, "--help") for name in (
                "audit", "ps", "files", "decode", "rules", "explain"))):
            with self.subTest(arguments):
                result = self.proctor(*arguments)
                self.assertTrue(result.stdout)
                self.assertEqual(result.stderr, b"")

    def test_no_such_container(self):
        result = self.proctor(*AUDIT, "--container", "no-such-container", status=3)
        self.assertOneLine(result.stderr, "no-such-container")


class ConfigurationTest(harness.Case):
    def configure(self, text, status=0, arguments=AUDIT, **options):
        path = f"{self.scratch()}/proctor.conf"
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path, self.proctor(*arguments, "--config", path, status=status, **options)

    def assertWrong(self, text, *words):
        """One line with the file, the line and what is wrong."""
        path, result = self.configure(text, status=2)
        self.assertEqual(result.stdout, b"")
        self.assertOneLine(result.stderr, path, *words)

    def test_severity_and_rules_off(self):
        _, result = self.configure("[severity]\nhost.sysctl = critical\n\n[rules]\noff = process.*\n",
                                   arguments=(*AUDIT, "--format", "json"))
        findings = json.loads(result.stdout)["findings"]
        self.assertFalse([finding for finding in findings if finding["rule"].startswith("process.")])
        self.assertEqual({finding["severity"] for finding in findings if finding["rule"] == "host.sysctl"} or
                         {"critical"}, {"critical"})

    def test_wrong_key(self):
        self.assertWrong("[severity]\n\n  no.such-rule = high\n", ":3:3: ", "no.such-rule")

    def test_wrong_severity(self):
        self.assertWrong("[severity]\nhost.sysctl = dreadful\n", ":2:15: ", "dreadful")

    def test_wrong_section(self):
        self.assertWrong("# a\n[nonsense]\na = b\n", ":2:2: ", "nonsense")

    def test_wrong_date(self):
        self.assertWrong("[exception a]\nrule = host.sysctl\nreason = why\nexpires = 2031-02-30\n", ":4:11: ",
                         "2031-02-30")

    def test_exception_without_a_reason(self):
        self.assertWrong("\n[exception a]\nrule = host.sysctl\n", ":2:1: ", "reason")

    def test_not_ini(self):
        self.assertWrong("\n this is no configuration\n", ":2:2: ", "neither")

    def test_ten_mebibytes_of_noise(self):
        """Its first byte that is none of a configuration is pointed at."""
        noise = random.Random(11).randbytes(1 << 20) * 10
        self.assertWrong(b"[rules]\n# \n\x00" + noise, ":3:1: ", "a NUL byte")
        text = bytes(range(1, 256)).replace(b"\n", b"") + b"\n"  # no NUL in it, nor a line that is right
        self.assertWrong(text * 40000, ":1:1: ", "before the first section")
        self.assertWrong(b"[rules]\n# a comment\n" + text * 40000, ":3:1: ", "no key of [rules]")
        lines = noise.split(b"\n")
        self.assertWrong(b"\n".join(b"#" + line.replace(b"\x00", b"") for line in lines), "more than 1048576 bytes")

    def test_longer_than_a_mebibyte(self):
        """The part of a line before the limit is not taken for all of it."""
        start = b"[rules]\n" + b"#" * ((1 << 20) - 17) + b"\n"
        self.assertWrong(start + b"off = process.*\n", ":3:9: ", "more than 1048576 bytes")

    def test_long_lines(self):
        glob = "/" + "p" * 4000
        self.configure(f"# {glob}\n[paths]\nexclude = {glob}\n  {glob} ; {glob}\n")

    def test_no_such_file(self):
        result = self.proctor(*AUDIT, "--config", "/no/such/file", status=2)
        self.assertOneLine(result.stderr, "/no/such/file")

    @harness.needs_root
    def test_exceptions(self):
        process = self.helper()
        chosen = (*AUDIT, "--pid", process.pid, "--format", "json")
        text = "[exception known]\nrule = process.*\nexecutable = {}\nreason = a test\nexpires = {}\n"
        _, result = self.configure(text.format(harness.HELPER, "2999-12-31"), arguments=chosen)
        findings = json.loads(result.stdout)["findings"]
        excepted = [finding for finding in findings if "exception" in finding]
        self.assertTrue(excepted, findings)
        for finding in excepted:
            self.assertEqual(finding["exception"]["reason"], "a test")
        _, result = self.configure(text.format(harness.HELPER, "2001-01-01"),
                                   arguments=(*AUDIT, "--format", "json"))
        findings = json.loads(result.stdout)["findings"]
        expired = [finding for finding in findings if finding["rule"] == "policy.exception-expired"]
        self.assertEqual([(finding["severity"], finding["subject"]["path"], finding["evidence"]["expires"])
                          for finding in expired], [("low", "known", "2001-01-01")])


if __name__ == "__main__":
    harness.main()
