"""The host is no badly made container: its root daemons are told once, and what is odd about a process is
worth more than that."""

import os
import re
import shutil

import harness
from harness import AUDIT, HELPER, NOBODY, mask

WORTH_MORE = ("low", "medium", "high", "critical")
AS_NOBODY = ("gid", NOBODY, NOBODY, NOBODY, "uid", NOBODY, NOBODY, NOBODY)


@harness.needs_root
class HostTest(harness.Case):
    def start(self, *steps, **options):
        """The helper under a path of its own, by which its findings are told from others'."""
        self.path = f"{self.scratch()}/daemon"
        shutil.copy(HELPER, self.path)
        return self.spawn(self.path, *steps, **options)

    def findings(self, process):
        """By rule, the findings about the process."""
        document = self.document(*AUDIT, "--pid", process.pid)
        found = {finding["rule"]: finding for finding in document["findings"]
                 if process.pid in finding["subject"].get("pids", [])}
        for finding in found.values():
            self.assertNotIn("container_id", finding)
        return found

    def assertWorth(self, process, *rules):
        """These rules, and no others, tell of the process more than for information."""
        found = self.findings(process)
        self.assertEqual({rule for rule, finding in found.items() if finding["severity"] in WORTH_MORE},
                         set(rules))
        for rule in rules:
            self.assertTrue(found[rule]["why"])
            self.assertTrue(found[rule]["evidence"])
        return found

    def test_root_daemon(self):
        found = self.assertWorth(self.start())
        self.assertEqual(found["process.root-user"]["severity"], "info")
        self.assertEqual(found["process.root-user"]["subject"]["executable"], self.path)

    def test_user_without_privilege(self):
        self.assertWorth(self.start(*AS_NOBODY))

    def test_root_of_a_user_namespace_of_its_own(self):
        self.assertWorth(self.start(*AS_NOBODY, "userns"))

    def test_thread_with_more_than_its_leader(self):
        self.assertWorth(self.start("thread", "caps", 0, 0, 0), "process.thread-privileges")

    def test_thread_that_is_root_unlike_its_leader(self):
        """The evidence is of the thread: its uid, not the leader's."""
        process = self.start("thread", "uid", NOBODY, NOBODY, NOBODY)
        threads = [int(tid) for tid in os.listdir(f"/proc/{process.pid}/task") if int(tid) != process.pid]
        root = [tid for tid in threads if harness.status(tid)["Uid"].split()[1] == "0"]
        self.assertEqual(harness.status(process.pid)["Uid"].split()[1], str(NOBODY))
        evidence = self.findings(process)["process.root-user"]["evidence"]
        self.assertEqual((evidence["uid"], evidence["thread"]), (0, root[0]))

    def test_permitted_behind_an_empty_effective_set(self):
        process = self.start("keep-caps", *AS_NOBODY, "caps", 0, mask("CAP_SYS_ADMIN"), 0)
        found = self.findings(process)
        self.assertIn(found["process.permitted-not-effective"]["severity"], WORTH_MORE)

    def test_ambient_set(self):
        net_raw = mask("CAP_NET_RAW")
        process = self.start("keep-caps", *AS_NOBODY, "caps", net_raw, net_raw, net_raw, "ambient", net_raw)
        found = self.findings(process)
        self.assertIn(found["capability.ambient"]["severity"], WORTH_MORE)
        self.assertIn("CAP_NET_RAW", str(found["capability.ambient"]["evidence"]))

    def test_uid_that_can_be_root_again(self):
        found = self.findings(self.start("uid", NOBODY, NOBODY, 0))
        self.assertIn(found["process.root-regain"]["severity"], WORTH_MORE)

    def test_deleted_executable_with_privilege(self):
        process = self.start()
        os.unlink(self.path)
        found = self.assertWorth(process, "process.deleted-executable")
        self.assertEqual(found["process.deleted-executable"]["subject"]["executable"], self.path)

    def test_executable_in_memory(self):
        self.assertWorth(self.helper("memfd"), "process.deleted-executable")

    def test_many_workers_are_one_finding(self):
        process = self.start("fork", 150)
        document = self.document(*AUDIT)
        found = [finding for finding in document["findings"] if finding["rule"] == "process.root-user"
                 and finding["subject"].get("executable") == self.path]
        self.assertEqual(len(found), 1)
        self.assertEqual(found[0]["subject"]["count"], 151)
        self.assertEqual(len(found[0]["subject"]["pids"]), 100)
        self.assertIn(process.pid, found[0]["subject"]["pids"])

    def test_kernel_threads_are_no_findings(self):
        document = self.document(*AUDIT)
        kernel = {process["pid"] for process in document["processes"] if process["kernel_thread"]}
        if not kernel:
            self.skipTest("no kernel thread is to be seen here")
        for finding in document["findings"]:
            self.assertEqual(kernel & set(finding["subject"].get("pids", [])), set(), finding["rule"])

    @harness.needs("unshare")
    def test_no_lsm(self):
        """It is told when, and only when, the kernel lists no LSM that confines by policy."""
        script = "mount -t securityfs securityfs /sys/kernel/security; cat /sys/kernel/security/lsm"
        listed = self.run_command("unshare", "--mount", "sh", "-ec", script)
        if listed.returncode:
            self.skipTest(f"the kernel does not list its LSMs: {listed.stderr.decode().strip()}")
        loaded = listed.stdout.decode().strip().split(",")
        told = [finding for finding in self.document(*AUDIT)["findings"] if finding["rule"] == "host.no-lsm"]
        self.assertEqual(len(told), 0 if {"apparmor", "selinux", "smack", "tomoyo"} & set(loaded) else 1)
        for finding in told:
            self.assertEqual(sorted(finding["evidence"]["loaded"].replace(",", " ").split()), sorted(loaded))

    @harness.needs("unshare")
    def test_kernel_helper(self):
        """A core_pattern of a file bound over it, seen in a mount namespace of its own: the machine's stays."""
        place = self.scratch()
        for value, severity in (("|/tmp/dropped %p", "critical"), ("|/srv/crash %p", "medium"),
                                ("|/usr/lib/crash %p", None), ("core", None)):
            with open(f"{place}/core_pattern", "w", encoding="ascii") as file:
                file.write(value + "\n")
            script = f"mount --bind {place}/core_pattern /proc/sys/kernel/core_pattern; exec \"$@\""
            document = self.document(*AUDIT, wrap=("unshare", "--mount", "sh", "-ec", script, "sh"))
            told = [finding for finding in document["findings"] if finding["rule"] == "host.kernel-helper"
                    and finding["subject"]["path"] == "kernel.core_pattern"]
            self.assertEqual([finding["severity"] for finding in told], [severity] if severity else [])

    # What this machine's own work adds to what an idle one shows: programs that were upgraded or live in memory
    # while they run, and what tests have started or written beside this one.
    OTHERS_WORK = r"process\.deleted-executable|\(/tmp/|/helper[,)]"

    @harness.needs("script")
    def test_less_than_a_screen(self):
        """An audit of the machine prints less than a screen of 80x24 above info, why and fix included."""
        printed = self.on_terminal("audit", "--min-severity", "low")
        plain = re.sub(r"\x1b\[[0-9;]*m", "", printed)
        host = next((part for part in plain.split("\n\n") if part.startswith("host (")), None)
        self.assertLessEqual(max(map(len, plain.splitlines())), 80)
        if not host:
            self.skipTest("nothing above info is said of this host")
        entries = re.split(r"(?m)^  (?=[A-Z])", host)[1:]
        counted = [entry for entry in entries if not re.search(self.OTHERS_WORK, " ".join(entry.split()))]
        lines = ["host", *"".join(counted).splitlines()]
        self.comment(f"{len(lines)} lines of {len(counted)} findings; left out: {len(entries) - len(counted)}")
        self.assertLess(len(lines), 24, host)


if __name__ == "__main__":
    harness.main(alone=True)
