"""What an audit prints: document, lines and table of the same facts, and the part that is asked for."""

import os

import harness
from containers import Container, needs_containers
from harness import AUDIT

ORDER = ["header", "process", "mount", "file", "container", "finding", "coverage", "summary"]
MEMBERS = {"container": "containers", "process": "processes", "mount": "mounts", "file": "files",
           "finding": "findings", "coverage": "coverage"}


class FormTest(harness.Case):
    def test_the_document_has_every_member(self):
        document = self.document(*AUDIT)
        self.assertEqual(list(document), ["schema_version", "agent", "host", "auditor", "started_at", "duration_ms",
                                          "containers", "processes", "mounts", "findings", "coverage", "summary"],
                         "files, which it was told not to look for, are not said to be none")
        self.assertEqual(document["auditor"]["uid"], os.geteuid())
        seen = document["summary"]["seen"]
        self.assertEqual(seen, {name: len(document[name]) for name in seen})
        counted = {**document["summary"]["findings"]}
        excepted = counted.pop("excepted")
        self.assertEqual(sum(counted.values()) + excepted, len(document["findings"]))

    def test_the_documents_of_ps_and_files(self):
        self.assertIn("processes", self.document("ps"))
        self.assertIn("files", self.document("files", self.scratch()))

    def test_lines_stand_in_the_order_in_which_they_are_complete(self):
        types = [record["type"] for record in self.lines(*AUDIT)]
        self.assertEqual(types, sorted(types, key=ORDER.index))
        self.assertEqual((types.count("header"), types.count("summary")), (1, 1))

    def test_lines_hold_what_the_document_holds(self):
        process = self.helper()
        chosen = (*AUDIT, "--pid", process.pid)
        document, lines = self.document(*chosen), self.lines(*chosen)
        for kind, member in MEMBERS.items():
            records = [{name: value for name, value in record.items() if name != "type"}
                       for record in lines if record["type"] == kind]
            if kind == "mount":  # of the host's namespace too, where others mount and unmount meanwhile
                both = set(map(self.mount, records)) & set(map(self.mount, document[member]))
                self.assertTrue(both)
                records, document[member] = ([record for record in part if self.mount(record) in both]
                                             for part in (records, document[member]))
            if kind == "coverage":  # times, and processes that came and went
                records, document[member] = ([record["collector"] for record in part]
                                             for part in (records, document[member]))
            self.assertEqual(records, document.get(member, []), kind)

    @staticmethod
    def mount(record):
        """Which one it is: ids are given out again."""
        return record["namespace"], record["id"], record["point"]

    def test_lines_with_the_files(self):
        """Files are told as they are found; all that does not need them stands before."""
        place = self.scratch()
        path = f"{place}/setuid"
        harness.shutil.copy(harness.HELPER, path)
        os.chmod(path, 0o4755)
        others = [word for name in os.listdir("/") if name != place.split("/")[1]
                  for word in ("--exclude", f"/{name}")]
        self.assertEqual([record["type"] for record in self.lines("files", place)].count("file"), 1)
        records = self.lines("audit", *others)
        types = [record["type"] for record in records]
        self.assertEqual(types, sorted(types, key=ORDER.index))
        self.assertIn(path, [record["path"] for record in records if record["type"] == "file"])

    def test_the_table(self):
        table = self.proctor(*AUDIT).stdout.decode()
        self.assertRegex(table, r"(?m)^Findings: \d+ critical, \d+ high, \d+ medium, \d+ low, \d+ info")
        self.assertRegex(table, r"(?m)^  process +\d+ seen")
        self.assertRegex(table, r"(?m)^  filesystem +0 seen\n +not  switched off\n +fix  leave out --no-collector$")

    def test_every_collector_is_accounted_for(self):
        document = self.document("audit", "--no-collector", "mount,limit,network,filesystem,program")
        coverage = {record["collector"]: record for record in document["coverage"]}
        self.assertEqual(set(coverage), {"host", "process", "container", "identity", "mount", "limit", "network",
                                         "filesystem", "program"})
        for name in ("mount", "limit", "network", "filesystem", "program"):
            self.assertEqual([reason["reason"] for reason in coverage[name]["reasons"]], ["switched off"])
        self.assertFalse({"mounts", "files"} & set(document))

    def test_collectors_that_others_need_stay(self):
        for name in ("host", "process", "container"):
            result = self.proctor("audit", "--no-collector", name, status=2)
            self.assertOneLine(result.stderr, name)

    def test_arguments_are_left_out(self):
        secret = "hunter2-of-the-command-line"
        process = self.spawn("sh", "-c", "echo ready; read line", "sh", secret)
        chosen = (*AUDIT, "--pid", process.pid, "--format", "json")
        self.assertNotIn(secret.encode(), self.proctor(*chosen).stdout)
        self.assertIn(secret.encode(), self.proctor(*chosen, "--with-arguments").stdout)


class SelectionTest(harness.Case):
    def test_pid(self):
        process = self.helper()
        document = self.document(*AUDIT, "--pid", process.pid)
        self.assertEqual([record["pid"] for record in document["processes"]], [process.pid])
        for finding in document["findings"]:
            self.assertLessEqual(set(finding["subject"]["pids"]), {process.pid})

    def test_no_such_pid(self):
        with open("/proc/sys/kernel/pid_max", encoding="ascii") as file:
            pid = int(file.read()) - 1
        for form in ("table", "json", "ndjson"):
            result = self.proctor(*AUDIT, "--pid", pid, "--format", form, status=3)
            self.assertOneLine(result.stderr, str(pid))

    @needs_containers
    def test_container(self):
        container, other = Container(self, "chosen"), Container(self, "other")
        name = self.document(*AUDIT, "--pid", container.pid)["containers"][0]["id"]
        document = self.document(*AUDIT, "--container", name)
        self.assertEqual([record["id"] for record in document["containers"]], [name])
        self.assertIn(container.pid, {record["pid"] for record in document["processes"]})
        self.assertNotIn(other.pid, {record["pid"] for record in document["processes"]})
        for member in ("processes", "mounts", "findings"):
            self.assertEqual({record["container_id"] for record in document[member]}, {name}, member)


if __name__ == "__main__":
    harness.main(alone=True)
