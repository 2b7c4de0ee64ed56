"""The completions offer, in each shell, what --help tells."""

import os
import pathlib
import pty
import re
import select
import time

import harness

FILES = pathlib.Path(harness.PROCTOR).parent / "dist/completions"


class Completion(harness.Case):
    def assert_offers_all(self, offers):
        """`offers` of a command line are what can stand at its end."""
        commands = self.commands()
        self.assertIn("audit", commands)
        self.assertEqual(set(offers("proctor ")), set(commands))
        self.assertEqual(offers("proctor au"), ["audit"])
        for command in commands:
            with self.subTest(command=command):
                self.assertEqual({word.split("=")[0] for word in offers(f"proctor {command} --")},
                                 self.options(command))
        self.assertTrue(self.options("audit") <= {word.split("=")[0] for word in offers("proctor --")})
        self.assertEqual(set(offers("proctor ps --format ")), {"table", "json", "ndjson"})
        self.assertEqual(set(offers("proctor audit --fail-on ")),
                         {"critical", "high", "medium", "low", "info"})
        # each of them is one that can be left out, and each that can be is one of them
        told = self.proctor("audit", "--help").stdout.decode().split("can be left out:\n")[1].split("\n\n")[0]
        left_out = set(offers("proctor audit --no-collector "))
        self.assertEqual(left_out, set(re.findall(r"^  (\S+)", told, re.MULTILINE)))
        for collector in left_out:
            self.proctor(*harness.AUDIT, "--no-collector", collector)
        for collector in {"host", "process", "container"} - left_out:
            result = self.proctor("audit", "--no-collector", collector, status=2)
            self.assertOneLine(result.stderr, "cannot be left out")

    @harness.needs("bash")
    def test_bash(self):
        self.assert_offers_all(self.bash)
        self.assertEqual(self.bash("proctor ps --format = js"), ["json"])
        self.assertEqual(set(self.bash("proctor ps --format =")), {"table", "json", "ndjson"})
        self.assertIn(str(os.getpid()), self.bash("proctor ps -p "))
        self.assertIn(f"1,{os.getpid()}", self.bash("proctor ps -p 1,"))
        self.assertEqual(self.bash("proctor explain net_ra"), ["net_raw"])
        self.assertEqual(self.bash("proctor explain capability.amb"), ["capability.ambient"])
        self.assertIn("/usr", self.bash("proctor files /us"))

    def bash(self, line):
        """What the completion answers to a line, of which the last word is being written."""
        script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _proctor; ' \
                 'printf "%s\\n" "${COMPREPLY[@]}"'
        result = self.run_command("bash", "-uc", script, "bash", FILES / "proctor", *line.split(" "))
        self.assertEqual(result.stderr, b"")
        return result.stdout.decode().split()

    @harness.needs("fish")
    def test_fish(self):
        self.assert_offers_all(self.fish)
        self.assertIn(str(os.getpid()), self.fish("proctor ps -p "))
        self.assertIn(f"1,{os.getpid()}", self.fish("proctor ps -p 1,"))
        self.assertEqual(self.fish("proctor explain capability.amb"), ["capability.ambient"])

    def fish(self, line):
        home = self.scratch()
        result = self.run_command("fish", "--no-config", "-c", 'source $argv[1]; complete -C $argv[2]',
                                  FILES / "proctor.fish", line, env=dict(os.environ, HOME=home))
        self.assertEqual(result.stderr, b"")
        return [word.split("\t")[0] for word in result.stdout.decode().splitlines()]

    @harness.needs("zsh")
    def test_zsh(self):
        with Zsh(self.scratch()) as zsh:
            self.assert_offers_all(zsh.offers)
            self.assertEqual(zsh.offers("proctor explain capability.amb"), ["capability.ambient"])


class Zsh:
    """A zsh on a terminal of its own: nothing else runs its completion. Each candidate is told on a line by a
    compadd of ours."""

    SETUP = r"""
PS1= PS2= RPS1=; unsetopt zle_bracketed_paste prompt_cr prompt_sp; stty -echo cols 10000
fpath=(%(files)s $fpath); autoload -Uz compinit; compinit -u -D
compadd() {
	local -a found
	if [[ -z ${argv[(r)-[OAD]]} ]]; then # not one that only sorts out
		builtin compadd -O found "$@"
		print -rl -- "offer:"${^found} >&2
	fi
	builtin compadd "$@"
}
tell() { print -r -- begin; zle complete-word; print -r -- done; zle kill-whole-line }
zle -N tell; bindkey '^T' tell; LISTMAX=0; unsetopt auto_list auto_menu always_last_prompt
print -r -- ready
"""

    def __init__(self, home):
        self.home = home
        pathlib.Path(home, ".zshrc").write_text(self.SETUP % {"files": FILES})

    def __enter__(self):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe("zsh", ["zsh", "-d", "-i"],
                       dict(os.environ, HOME=self.home, ZDOTDIR=self.home, TERM="dumb"))
        self.until("ready\n")
        return self

    def __exit__(self, *_):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)

    def until(self, mark):
        text = ""
        deadline = time.monotonic() + harness.TIMEOUT
        while mark not in text:
            if not select.select([self.terminal], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError(text)
            text += os.read(self.terminal, 65536).decode(errors="replace").replace("\r", "")
        return text

    def offers(self, line):
        os.write(self.terminal, line.encode() + b"\x14")
        return re.findall(r"^offer:(.*)$", self.until("done"), re.MULTILINE)


if __name__ == "__main__":
    harness.main()
