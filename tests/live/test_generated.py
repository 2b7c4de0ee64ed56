"""What is made from the program's tables: the manual, --help and the schema are well-formed and whole, and what
they show as an example works."""

import os
import pathlib
import re

import harness

BUILD = pathlib.Path(harness.PROCTOR).parent
MANUAL = BUILD / "dist/man/proctor.8"


class Manual(harness.Case):
    @harness.needs("mandoc")
    def test_mandoc_has_nothing_to_say(self):
        result = self.run_command("mandoc", "-T", "lint", "-W", "warning", MANUAL)
        self.assertEqual((result.returncode, result.stdout), (0, b""))

    @harness.needs("mandoc")
    def test_every_option_and_command_stands_in_it(self):
        text = self.run_command("mandoc", "-T", "utf8", MANUAL).stdout.decode()
        text = re.sub(".\b", "", text)
        for command in self.commands():
            self.assertRegex(text, rf"\n {{5}}{command}( |\n)")
            for option in self.options(command):
                self.assertIn(option, text)

    def test_exit_statuses_are_those_of_help(self):
        told = self.proctor("--help").stdout.decode().partition("Exit status: ")[2].partition("\nSee")[0]
        section = MANUAL.read_text().partition(".Sh EXIT STATUS\n")[2].partition("\n.Sh ")[0]
        statuses = re.findall(r"^\.It (\d+)$", section, re.MULTILINE)
        self.assertEqual(re.findall(r"\b(\d+) ", told), statuses)
        readme = (harness.SOURCE / "README.md").read_text().partition("Exit status: ")[2].partition("\n\n")[0]
        self.assertEqual(re.findall(r"\b(\d+) ", readme), statuses)

    @harness.needs("make")
    def test_it_names_the_schema_where_it_is_installed(self):
        result = self.run_command("make", "-s", "-C", BUILD, "--no-print-directory",
                                  "--eval=told: ; @echo $(pkgdatadir)", "told", env={**os.environ, "MAKEFLAGS": ""})
        self.assertEqual(result.returncode, 0, result.stderr)
        place = result.stdout.decode().strip()
        self.assertIn(f"\n.It Pa {place}/proctor.schema.json\n", MANUAL.read_text())
        self.assertNotIn("/proctor.schema.json", MANUAL.read_text().replace(f"{place}/proctor.schema.json", ""))

    def test_sections_that_it_refers_to_are_there_once(self):
        text = MANUAL.read_text()
        sections = re.findall(r"^\.Sh (.*)$", text, re.MULTILINE)
        self.assertEqual(len(sections), len(set(sections)))
        self.assertLessEqual(set(re.findall(r"^\.Sx (.*?)(?: \W)?$", text, re.MULTILINE)), set(sections))

    def test_the_configuration_it_shows_is_one(self):
        """Each key that it has is taken; one letter more is not."""
        example = re.search(r"^\.Bd -literal.*?\n(\[severity\].*?)\.Ed", MANUAL.read_text(), re.M | re.S)[1]
        directory = pathlib.Path(self.scratch())
        for name, text, status in (("right", example, 0), ("wrong", example.replace("\nreason", "\nreasons"), 2)):
            file = directory / name
            file.write_text(text)
            self.proctor("audit", "--no-collector", "filesystem", "--config", file, status=status)


class Schema(harness.Case):
    def test_the_one_in_the_repository_is_that_of_the_tables(self):
        """Otherwise: make schema."""
        made = self.run_command(BUILD / "agent/generate/generate", "schema")
        self.assertEqual(made.returncode, 0)
        self.assertEqual(made.stdout, (harness.SOURCE / "dist/schema/proctor.schema.json").read_bytes())


class Help(harness.Case):
    def test_help_fits_a_terminal(self):
        for words in ([], *([command] for command in self.commands())):
            with self.subTest(command=words):
                text = self.proctor(*words, "--help").stdout.decode()
                self.assertTrue(text.startswith("Usage: proctor "))
                for line in text.splitlines():
                    self.assertTrue(len(line) <= 80 or line.startswith("  proctor "), line)

    def test_help_and_version_that_cannot_be_written(self):
        for option in ("--help", "--version", "-h", "-V"):
            with open("/dev/full", "wb") as full:
                result = self.proctor(option, status=3, stdout=full)
            self.assertOneLine(result.stderr, "No space left on device")

    def test_version_tells_what_is_built_in(self):
        text = self.proctor("--version").stdout.decode()
        for library in ("libcap-ng", "libproc2", "jansson", "inih", "nettle"):
            self.assertRegex(text, rf"\b{library} [0-9]")

    def test_examples_of_the_help_are_understood(self):
        """Each is taken by the parser: with --help behind its options, it prints the help."""
        for command in self.commands():
            text = self.proctor(command, "--help").stdout.decode().partition("Examples:\n")[2]
            for line in re.findall(r"^  proctor (.*)$", text, re.M):
                with self.subTest(example=line):
                    asking = re.sub(r"( -- .*)?$", r" --help\1", line, count=1)
                    result = self.run_command("sh", "-c", f'"$0" {asking}', harness.PROCTOR)
                    self.assertEqual((result.returncode, result.stderr), (0, b""))
                    self.assertIn(b"Usage: ", result.stdout)

    def test_wrong_usage(self):
        for words in (["no-such-command"], [""], ["ps", "--no-such-option"], ["--no-such-option"], ["ps", "-p"],
                      ["ps", "--all=yes"], ["ps", "operand"], ["-\x1b[31m"], ["x\ny"], ["audit", "--fail-on"],
                      ["audit", "--min-severity", "worst"], ["audit", "--config"], ["ps", "--format", "xml"]):
            with self.subTest(words=words):
                result = self.proctor(*words, status=2)
                self.assertEqual(result.stdout, b"")
                self.assertOneLine(result.stderr, "--help'")
                self.assertNotIn(b"\x1b", result.stderr)

    def test_default_command(self):
        words = ["--no-collector", "filesystem", "--format", "json"]
        self.assertEqual(set(self.document(*words)), set(self.document("audit", *words)))


if __name__ == "__main__":
    harness.main()
