"""The cases that peers get wrong: the kernel's own word decides, and Proctor has to agree with it. What the
peer says is told beside, as a comment: a later version of it may have learned."""

import os
import subprocess

import harness
from harness import NOBODY, mask, names

NONE = ("caps", 0, 0, 0)


def pscap_line(pid, **options):
    """The line that pscap has for a process; None when it leaves it out."""
    told = subprocess.run([harness.find_command("pscap"), "-a"], stdout=subprocess.PIPE, check=False,
                          **options).stdout
    for line in told.decode(errors="backslashreplace").split("\n"):
        if line.split()[1:2] == [str(pid)]:
            return line
    return None


class PeersTest(harness.Case):
    def peer(self, pid):
        """Tells what pscap and getpcaps make of the process."""
        if harness.find_command("pscap"):
            self.comment(f"pscap: {pscap_line(pid) or 'not listed'}")
        if harness.find_command("getpcaps"):
            told = self.run_command("getpcaps", str(pid))
            self.comment(f"getpcaps: {(told.stdout + told.stderr).decode(errors='replace').strip()}")

    def record(self, pid):
        """Proctor's record of the process, which has to be what the kernel says by both of its ways."""
        record = self.ps(pid)[pid]
        self.assertSets(record)
        self.assertEqual({name: record["capabilities"][name] for name in harness.capget(pid)},
                         {name: names(bits) for name, bits in harness.capget(pid).items()})
        self.assertIn(pid, self.ps(), "listed by ps -a")
        self.peer(pid)
        return record

    def row(self, pid):
        """The line of the table about the process, without -a: it has to be listed as privileged."""
        table = self.proctor("ps").stdout.decode().split("\n")
        rows = [line for line in table if line.split()[:1] == [str(pid)]]
        self.assertEqual(len(rows), 1, "listed once in the default table")
        return rows[0]

    @harness.needs_root
    def test_permitted_is_not_effective(self):
        permitted = mask("CAP_NET_BIND_SERVICE", "CAP_SYS_ADMIN", "CAP_SYS_MODULE")
        pid = self.helper("caps", mask("CAP_NET_BIND_SERVICE"), permitted, 0).pid
        record = self.record(pid)
        self.assertEqual(record["capabilities"]["effective"], ["CAP_NET_BIND_SERVICE"])
        self.assertEqual(record["capabilities"]["permitted"], names(permitted))

    @harness.needs_root
    def test_permitted_behind_an_empty_effective_set(self):
        permitted = mask("CAP_SYS_ADMIN", "CAP_NET_RAW")
        pid = self.helper("keep-caps", "uid", NOBODY, NOBODY, NOBODY, "caps", 0, permitted, 0).pid
        record = self.record(pid)
        self.assertEqual(record["capabilities"]["effective"], [])
        self.assertEqual(record["capabilities"]["permitted"], names(permitted))
        row = self.row(pid)
        for word in ("none", "permitted", "sys_admin", "net_raw"):
            self.assertIn(word, row)

    @harness.needs_root
    def test_thread_with_more_than_its_leader(self):
        pid = self.helper("thread", *NONE).pid
        record = self.record(pid)
        self.assertEqual(record["capabilities"]["effective"], [])
        self.assertEqual(len(record["threads"]), 1)
        thread = record["threads"][0]
        self.assertSets(thread, thread=thread["tid"])
        self.assertEqual(thread["capabilities"]["effective"], names(harness.own_sets()["effective"]))
        self.assertEqual(thread["uids"]["effective"], 0)
        self.row(pid)

    @harness.needs_root
    def test_root_without_capabilities(self):
        pid = self.helper(*NONE).pid
        record = self.record(pid)
        self.assertEqual(record["uids"], {"real": 0, "effective": 0, "saved": 0, "filesystem": 0})
        self.assertEqual(record["capabilities"]["effective"], [])
        self.assertIn("root", self.row(pid))

    @harness.needs_root
    def test_user_namespace_seen_by_nobody(self):
        pid = self.helper("uid", NOBODY, NOBODY, NOBODY, "userns").pid
        seen_by_root = self.record(pid)
        if harness.find_command("pscap"):
            self.comment(f"pscap as nobody: {pscap_line(pid, user=NOBODY)}")
        record = self.ps(pid, user=NOBODY)[pid]
        self.assertSets(record)
        self.assertNotEqual(record["namespaces"]["user"], os.stat("/proc/self/ns/user").st_ino)
        self.assertEqual(record["namespaces"]["user"], os.stat(f"/proc/{pid}/ns/user").st_ino)
        self.assertEqual(record["namespaces"], seen_by_root["namespaces"])
        table = self.proctor("ps", "-p", pid, user=NOBODY).stdout.decode()
        self.assertRegex(table, rf"(?m)^ *{pid} .* \*[@+!]*$", "marked as in another user namespace")

    @harness.needs_root
    @harness.needs("unshare")
    def test_hidden_processes_are_told(self):
        """As nobody with hidepid=2 pscap prints no line and exits with 0."""
        script = "mount -t proc -o hidepid=2 proc /proc && exec \"$@\""
        wrap = ("unshare", "--mount", "--pid", "--fork", "sh", "-c", script, "sh",
                "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        if harness.find_command("pscap"):
            told = self.run_command(*wrap, harness.find_command("pscap"), "-a")
            self.comment(f"pscap: exit {told.returncode}, prints {told.stdout.decode()!r}")
        document = self.document("ps", "-a", wrap=wrap, binary=self.binary(NOBODY))
        reasons = [reason for entry in document["coverage"] for reason in entry["reasons"]]
        self.assertTrue([reason for reason in reasons if "hidepid" in reason["reason"]], reasons)
        self.assertTrue(all(reason.get("remedy") for reason in reasons if "hidepid" in reason["reason"]))

    def test_no_such_process(self):
        with open("/proc/sys/kernel/pid_max", encoding="ascii") as file:
            pid = int(file.read()) - 1
        if os.path.exists(f"/proc/{pid}"):
            self.skipTest(f"there is a process {pid}")
        if harness.find_command("pscap"):
            told = self.run_command("pscap", "-p", str(pid))
            self.comment(f"pscap -p {pid}: exit {told.returncode}, {(told.stdout + told.stderr).decode()!r}")
        self.assertOneLine(self.proctor("ps", "-p", pid, status=3).stderr, str(pid))

    @harness.needs_root
    def test_root_of_a_user_namespace_is_marked(self):
        """`unshare -Ur`: full sets, but over a namespace of its own; pscap's line differs by `*` only."""
        pid = self.helper("uid", NOBODY, NOBODY, NOBODY, "userns").pid
        record = self.record(pid)
        self.assertEqual(record["uids"]["effective"], NOBODY)
        self.assertEqual(len(record["capabilities"]["effective"]), int(self.last_capability()) + 1)
        self.assertEqual([(part["inside"], part["outside"], part["count"]) for part in record["uid_map"]],
                         [(0, NOBODY, 1)])
        self.assertRegex(self.row(pid), r" full \*\+?$")

    @harness.needs_root
    def test_name_that_breaks_the_row(self):
        pid = self.helper("comm", b"a\nb\x1b[2Jc\xff".hex()).pid
        before = self.record(pid)
        self.assertEqual(before["comm"], "a\\nb\\x1b[2Jc\\xff")
        table = self.proctor("ps", "-a").stdout
        self.assertNotIn(b"\x1b", table)
        self.assertIn("a\\nb\\x1b[2Jc\\xff", self.row(pid))

    @staticmethod
    def last_capability():
        with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
            return file.read()


if __name__ == "__main__":
    harness.main(alone=True)
