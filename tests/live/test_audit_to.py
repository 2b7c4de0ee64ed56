"""What an audit sends: the agent's records, once each, to whoever is there; what is not delivered is told, and kept
for the next run where a spool is named."""

import fcntl
import json
import os
import pathlib
import re
import select
import signal
import sqlite3
import stat
import subprocess

import harness
from agents import validate
from certificates import Authority
from harness import Case, needs, needs_root
from receiver import Receiver, answer, half_answer, hang, hang_up, late, reset, too_many

QUICK = ("audit", "--no-collector", "filesystem,program,mount,identity,network,limit")
F_SETPIPE_SZ = 1031


def texts(path):
    try:
        return pathlib.Path(path).read_bytes().splitlines()
    except FileNotFoundError:
        return []


class Sending(Case):
    def setUp(self):
        self.place = self.scratch()
        self.file = f"{self.place}/records.json"
        self.missing = f"{self.place}/missing"  # a directory; what goes there cannot be delivered
        self.spool = f"{self.place}/spool"

    def audit(self, *arguments, status=0, to=(), within=1, **options):
        """Runs it; what it printed and what it said."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PROCTOR_")}
        environment = {**variables, "LC_ALL": "C.UTF-8", **options.pop("variables", {})}
        words = [word for url in to for word in ("--to", url)]
        result = self.proctor(*QUICK, *words, *(("--deliver-within", f"{within}s") if to else ()), *arguments,
                              status=status, env=environment, **options)
        return (result.stdout or b"").decode(), result.stderr.decode()

    def records(self, path=None):
        found = [json.loads(line) for line in texts(path or self.file)]
        for record in found:
            validate(self, record)
        return found

    def waiting(self):
        """What the spool has, as it will be sent."""
        with sqlite3.connect(f"file:{self.spool}/proctor.db?mode=ro", uri=True) as database:
            return [text.encode() for text, in database.execute("SELECT text FROM queue ORDER BY sequence")]

    def full_pipe(self):
        """Both ends of a pipe that takes little, and that nobody reads."""
        reader, writer = os.pipe()
        fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
        self.undo(os.close, reader)
        return reader, writer

    def stuck(self, *arguments):
        """An audit that sends to standard output, which nobody reads, once it is at that; and that pipe."""
        reader, writer = self.full_pipe()
        process = subprocess.Popen([harness.PROCTOR, *QUICK, "--to", "stdout", "--output-file", f"{self.place}/audit",
                                    "--format", "json", *arguments], stdin=subprocess.DEVNULL, stdout=writer,
                                   stderr=subprocess.PIPE)
        self.undo(harness.end_daemon, process)
        self.undo(process.stderr.close)
        os.close(writer)

        def filled():
            self.assertIsNone(process.poll())
            return select.select([reader], [], [], 0)[0]
        self.wait_for(filled)
        return process, reader


class Records(Sending):
    def test_each_finding_once_and_what_was_seen(self):
        printed, said = self.audit("--format", "json", to=[f"file://{self.file}"])
        document, records = json.loads(printed), self.records()
        findings, last = records[:-1], records[-1]
        self.assertCountEqual([record["finding"] for record in findings], document["findings"])
        self.assertEqual({record["type"] for record in findings}, {"finding"})
        self.assertEqual({record["status"] for record in findings}, {"opened"})
        for record in findings:
            self.assertEqual(record["first_seen"], record["last_seen"])
            self.assertEqual(record["first_seen"], record["time"])
        self.assertEqual(len({record["record_id"] for record in records}), len(records))
        sequences = [record["sequence"] for record in records]
        self.assertEqual(sequences, sorted(set(sequences)))
        self.assertEqual(last["type"], "heartbeat")
        self.assertEqual(last["coverage"], document["coverage"])
        self.assertEqual(last["seen"], document["summary"]["seen"])
        self.assertNotIn("confinement", last, "that is the agent's")
        self.assertEqual(said, f"proctor: {len(records)} records were delivered to file://{self.file}\n")

    def test_what_is_printed_stays_as_it_is(self):
        """But for numbers, and what others do meanwhile."""
        for form in "table", "json", "ndjson":
            with self.subTest(form):
                alone, sent = (re.sub(r"\d+", "", self.audit("--format", form, "--pid", os.getpid(), to=to)[0])
                               for to in ([], [f"file://{self.file}"]))
                alone, sent = ([line for line in text.splitlines() if "ended while it was read" not in line and
                                '"collector":"process"' not in line] for text in (alone, sent))
                self.assertEqual(sent, alone)

    @needs_root
    def test_what_the_table_does_not_list_is_sent_too(self):
        """Of a process of the host that is root: that is for information."""
        printed, _ = self.audit("--pid", os.getpid(), to=[f"file://{self.file}"])
        self.assertNotIn("process.root-user", printed)
        self.assertIn("info", {record["finding"]["severity"] for record in self.records()[:-1]
                               if record["finding"]["rule"] == "process.root-user"})

    def test_the_part_that_is_asked_for(self):
        self.audit("--min-severity", "high", to=[f"file://{self.file}", f"file://{self.file}.2#records=findings"])
        self.assertLessEqual({record["finding"]["severity"] for record in self.records()[:-1]}, {"high", "critical"})
        self.assertNotIn("heartbeat", [record["type"] for record in self.records(f"{self.file}.2")])
        self.audit("--rule", "process.root-user", to=[f"file://{self.file}.3#min_severity=info"])
        self.assertLessEqual({record["finding"]["rule"] for record in self.records(f"{self.file}.3")[:-1]},
                             {"process.root-user"})

    def test_exceptions_are_suppressed(self):
        rule = self.some_rule()
        config = f"{self.place}/config"
        pathlib.Path(config).write_text(f"[exception all]\nrule = {rule}\nexecutable = *\nreason = it is so\n"
                                        "[sink.agents]\nurl = file:///nowhere/at/all\n")
        self.audit("--config", config, to=[f"file://{self.file}"])
        told = {record["status"] for record in self.records()[:-1] if record["finding"]["rule"] == rule}
        self.assertIn("suppressed", told)
        self.assertGreater(self.records()[-1]["findings"]["suppressed"], 0)

    def some_rule(self):
        """One that there is now, and will be in a moment: of root there is always a process."""
        if harness.is_root():
            return "process.root-user"
        findings = json.loads(self.audit("--format", "json")[0])["findings"]
        rules = [finding["rule"] for finding in findings if finding["subject"].get("executable")]
        if not rules:
            self.skipTest("no finding here has an executable")
        return rules[0]

    def test_a_plan_is_printed_and_the_findings_are_sent(self):
        self.audit("--remediate", "docker", to=[f"file://{self.file}"])
        self.assertEqual(self.records()[-1]["type"], "heartbeat")

    def test_sent_even_when_it_could_not_be_printed(self):
        with open("/dev/full", "wb") as full:
            _, said = self.audit(to=[f"file://{self.file}"], status=3, stdout=full)
        self.assertIn("were delivered", said)
        self.assertIn("No space left", said)
        self.assertTrue(self.records())

    def test_as_a_user(self):
        os.chmod(self.place, 0o777)
        user = harness.NOBODY if harness.is_root() else None
        self.audit("--spool", self.spool, to=[f"file://{self.file}"], user=user)
        self.assertEqual(os.stat(self.file).st_uid, user or os.geteuid())
        self.assertTrue(self.records())


class Destinations(Sending):
    def test_variable(self):
        self.audit(variables={"PROCTOR_TO": f"file://{self.file}", "PROCTOR_INTERVAL": "none of an audit's"})
        self.assertTrue(self.records())

    def test_the_option_takes_its_place(self):
        self.audit(to=[f"file://{self.file}"], variables={"PROCTOR_TO": f"file://{self.file}.other"})
        self.assertTrue(self.records())
        self.assertFalse(os.path.exists(f"{self.file}.other"))

    def test_stdout(self):
        """Not where the audit itself is printed; the variable may be the agent's, whose container this is."""
        _, said = self.audit(to=["stdout"], status=2)
        self.assertIn("--output-file", said)
        printed, said = self.audit(variables={"PROCTOR_TO": "stdout"})
        self.assertNotIn('"record_id"', printed)
        self.assertEqual(said, "")
        printed, _ = self.audit("--output-file", f"{self.place}/audit", to=["stdout"])
        self.assertEqual(json.loads(printed.splitlines()[-1])["type"], "heartbeat")

    def test_mistakes_are_told_before_anything_is_read(self):
        for arguments, words in ((["--to", "gopher://x"], "no sink has a URL"),
                                 (["--to", "file:///x#token=secret"], "ps(1)"),
                                 (["--to", f"file://{self.file}#batsh=1"], "'batch'"),
                                 (["--spool", self.spool], "--to"),
                                 (["--to", f"file://{self.file}", "--deliver-within", "0"], "within 1s and 1d"),
                                 (["--spool", self.spool, "--to", f"file://{self.file}", "--to",
                                   f"file://{self.file}"], "two receivers")):
            with self.subTest(arguments):
                printed, said = self.audit(*arguments, status=2)
                self.assertEqual(printed, "")
                self.assertOneLine(said.encode(), words)
                self.assertNotIn("secret", said)


class NotDelivered(Sending):
    def test_it_is_told(self):
        """Each receiver by itself; status 3, also where --fail-on would have had another."""
        urls = [f"file://{self.file}", f"file://{self.missing}/records.json"]
        _, said = self.audit("--fail-on", "info", to=urls, status=3)
        count = len(self.records())
        delivered, not_delivered = said.splitlines()
        self.assertEqual(delivered, f"proctor: {count} records were delivered to {urls[0]}")
        self.assertRegex(not_delivered, rf"^proctor: {count} of {count} records were not delivered to {urls[1]}: "
                         "opening the directory.*: No such file or directory; --spool DIR would keep them$")

    def test_an_interrupt_ends_it(self):
        for number in signal.SIGINT, signal.SIGTERM:
            with self.subTest(number):
                process, _ = self.stuck("--spool", self.spool)
                count = len(self.waiting())
                process.send_signal(number)
                said = process.stderr.read().decode()
                self.assertEqual(process.wait(timeout=harness.TIMEOUT), 3, said)
                self.assertRegex(said, rf"\Aproctor: \d+ of {count} records were not delivered to stdout: .*; they "
                                 rf"are kept in {self.spool} for the next run\n\Z")
                self.assertTrue(self.waiting())

    def test_a_receiver_comes_up_in_time(self):
        process = subprocess.Popen([harness.PROCTOR, *QUICK, "--to", f"file://{self.missing}/a", "--spool", self.spool],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.undo(harness.end_daemon, process)
        self.undo(process.stderr.close)
        self.wait_for(lambda: os.path.exists(f"{self.spool}/proctor.db"))
        os.mkdir(self.missing)
        self.assertEqual(process.wait(timeout=harness.TIMEOUT), 0)
        self.assertTrue(self.records(f"{self.missing}/a"))


class Spool(Sending):
    def fail_once(self, *urls, **options):
        """A run that delivers nothing to the missing directory; what waits then."""
        self.audit("--spool", self.spool, to=[f"file://{self.missing}/a", *urls], status=3, **options)
        return self.waiting()

    def test_the_next_run_sends_both(self):
        kept = self.fail_once()
        self.assertEqual(stat.S_IMODE(os.stat(self.spool).st_mode), 0o700)
        os.mkdir(self.missing)
        _, said = self.audit("--spool", self.spool, to=[f"file://{self.missing}/a"])
        sent = texts(f"{self.missing}/a")
        self.assertEqual(sent[:len(kept)], kept, "first, and in their order")
        self.assertGreater(len(sent), len(kept))
        self.assertEqual(len(set(sent)), len(sent))
        sequences = [record["sequence"] for record in self.records(f"{self.missing}/a")]
        self.assertEqual(sequences, sorted(sequences))
        self.assertEqual(said, f"proctor: {len(sent)} records were delivered to file://{self.missing}/a\n")
        self.assertEqual(self.waiting(), [])

    def test_each_audit_tells_all_that_it_found(self):
        """What was told by the one before is opened again: nobody watches in between."""
        for _ in range(2):
            self.audit("--spool", self.spool, "--pid", os.getpid(), to=[f"file://{self.file}"])
        records = self.records()
        half = len(records) // 2
        first, second = ([record["finding"]["id"] for record in part if record["type"] == "finding"]
                         for part in (records[:half], records[half:]))
        self.assertCountEqual(first, second)
        self.assertEqual({record.get("status", "opened") for record in records}, {"opened"})

    def test_receivers_do_not_mix(self):
        """One that is new gets what was found now, not what others still wait for."""
        kept = self.fail_once(f"file://{self.file}")
        self.assertEqual(texts(self.file), kept)
        os.mkdir(self.missing)
        self.audit("--spool", self.spool, to=[f"file://{self.missing}/a", f"file://{self.place}/new"])
        self.assertEqual(texts(f"{self.missing}/a")[:len(kept)], kept)
        self.assertFalse(set(kept) & set(texts(f"{self.place}/new")))
        self.assertEqual(texts(f"{self.missing}/a")[len(kept):], texts(f"{self.place}/new"))

    def test_a_receiver_that_is_left_out(self):
        """Its records are told, kept, and sent when it is named again; what was found meanwhile is not its own."""
        other = f"file://{self.missing}/b"
        kept = self.fail_once(other)
        _, said = self.audit("--spool", self.spool, to=[f"file://{self.file}"])
        between = texts(self.file)
        for url in f"file://{self.missing}/a", other:
            self.assertIn(f"proctor: {len(kept)} records for {url}, which no --to names, are kept in {self.spool}\n",
                          said)
        self.audit("--spool", self.spool, to=[other], status=3)
        os.mkdir(self.missing)
        _, said = self.audit("--spool", self.spool, to=[f"file://{self.missing}/a"])
        sent = texts(f"{self.missing}/a")
        self.assertEqual(sent[:len(kept)], kept)
        self.assertFalse(set(sent) & set(between))
        self.assertEqual([json.loads(text)["type"] for text in sent].count("heartbeat"), 2)
        self.audit("--spool", self.spool, to=[other])
        sent = texts(f"{self.missing}/b")
        self.assertEqual(sent[:len(kept)], kept)
        self.assertEqual([json.loads(text)["type"] for text in sent].count("heartbeat"), 3)
        self.assertEqual(self.waiting(), [])

    def test_what_falls_out_is_told(self):
        """The oldest of the lowest severity, when a receiver is away for long."""
        url = f"{self.missing}/a#max_queue_bytes=64KiB"
        for _ in range(50):
            _, said = self.audit("--spool", self.spool, to=[f"file://{url}"], status=3)
            dropped = re.search(r"^proctor: (\d+) of (\d+) records w\w+ dropped before", said, re.MULTILINE)
            if dropped:
                break
        self.assertTrue(dropped, said)
        left = re.search(r"^proctor: (\d+) of \d+ records were not delivered", said, re.MULTILINE)
        self.assertEqual(int(left[1]) + int(dropped[1]), int(dropped[2]))
        self.assertEqual(len(self.waiting()), int(left[1]))

    def test_one_run_at_a_time(self):
        self.fail_once()
        held = os.open(self.spool, os.O_RDONLY)
        self.undo(os.close, held)
        fcntl.flock(held, fcntl.LOCK_EX)
        printed, said = self.audit("--spool", self.spool, to=[f"file://{self.file}"], status=3)
        self.assertEqual(printed, "")
        self.assertOneLine(said.encode(), "--spool", self.spool, "in use by another")

    def test_a_directory_that_is_not_ours(self):
        os.mkdir(self.spool)
        os.chmod(self.spool, 0o777)
        _, said = self.audit("--spool", self.spool, to=[f"file://{self.file}"], status=3)
        self.assertOneLine(said.encode(), "others may write to it")
        if harness.is_root():
            os.chmod(self.spool, 0o700)
            os.chown(self.spool, harness.NOBODY, harness.NOBODY)
            _, said = self.audit("--spool", self.spool, to=[f"file://{self.file}"], status=3)
            self.assertOneLine(said.encode(), "it belongs to another user")
        self.assertEqual(os.listdir(self.spool), [])
        _, said = self.audit("--spool", f"{self.missing}/spool", to=[f"file://{self.file}"], status=3)
        self.assertOneLine(said.encode(), "--spool", "No such file or directory")

    def test_killed_while_it_sends(self):
        """Whatever was in the pipe: all of both audits arrives, some of it twice."""
        process, reader = self.stuck("--spool", self.spool)
        kept = self.waiting()
        process.kill()
        process.wait()
        found = json.loads(pathlib.Path(f"{self.place}/audit").read_text())["findings"]
        self.assertCountEqual([json.loads(text)["finding"] for text in kept[:-1]], found)
        os.set_blocking(reader, False)
        before = os.read(reader, 1 << 20).split(b"\n")[:-1]
        printed, _ = self.audit("--spool", self.spool, "--output-file", f"{self.place}/audit.2", to=["stdout"],
                                within=60)
        sent = printed.encode().splitlines()
        self.assertLessEqual(set(kept), set(before) | set(sent))
        rest = [text for text in kept if text in sent]
        self.assertEqual(sent[:len(rest)], rest)
        self.assertEqual(len([text for text in sent if json.loads(text)["type"] == "heartbeat"]), 2)

    @needs_root
    @needs("mount", "umount")
    def test_a_disk_without_room(self):
        os.mkdir(self.spool)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k,mode=700", "tmpfs", self.spool], check=True)
        self.undo(subprocess.run, ["umount", self.spool])
        _, said = self.audit("--spool", self.spool, to=[f"file://{self.file}", f"file://{self.missing}/a"], status=3)
        self.assertTrue(self.records(), "who is there gets them all the same")
        self.assertRegex(said, r"not delivered to file://\S+/a: .*; the spool cannot be written to\n")


def record_ids(body):
    return [json.loads(line)["record_id"] for line in body.splitlines()]


def no_heartbeats(exchange):
    """A receiver that takes findings only."""
    exchange.read()
    bad = b'"type":"heartbeat"' in exchange.request.body
    exchange.answer(400 if bad else 200, b"\x1b[31mwe take no heartbeats" if bad else b"")


class OverHttp(Sending):
    """A real connection, at whose end is counted what arrived."""

    def receiver(self, *script, **options):
        return Receiver(self, script=script, parse=record_ids, **options)

    def assertArrived(self, at, said):
        count, = re.findall(rf"^proctor: (\d+) records were delivered to {re.escape(at.url)}$", said, re.MULTILINE)
        self.assertEqual(len(at.first_arrivals()), int(count))

    @needs("openssl")
    def test_tls_and_a_token(self):
        authority = Authority(self.place)
        at = self.receiver(tls=authority.issue("receiver"))
        token = pathlib.Path(f"{self.place}/token")
        token.write_text("hunter2-is-secret\n")
        keys = f"#ca_file={authority.certificate}&token_file={token}&compress=gzip"
        _, said = self.audit(to=[at.url + keys], within=60)
        self.assertArrived(at, said)
        self.assertEqual(at.doubles(), 0)
        self.assertEqual({request.headers["authorization"] for request in at.requests}, {"Bearer hunter2-is-secret"})
        at = self.receiver()
        _, said = self.audit(variables={"PROCTOR_TO": at.url + "?key=hunter2#token=hunter2"})
        self.assertNotIn("hunter2", said)
        self.assertEqual(at.requests[0].headers["authorization"], "Bearer hunter2")

    def test_it_is_tried_again(self):
        at = self.receiver(answer(500), hang_up(), too_many(1), reset(100))
        _, said = self.audit(to=[at.url], within=60)
        self.assertArrived(at, said)

    def test_why_it_was_not_delivered(self):
        """Not that the last try was broken off at the end."""
        at = self.receiver(answer(503), otherwise=hang())
        _, said = self.audit(to=[at.url], status=3, within=4)
        self.assertRegex(said, rf"were not delivered to {at.url}: .*503")

    def test_refused_records(self):
        at = self.receiver(otherwise=no_heartbeats)
        _, said = self.audit("--spool", self.spool, to=[at.url], status=3, within=60)
        count = len(at.arrived)
        self.assertRegex(said, rf"\Aproctor: 1 of {count + 1} records was refused by {at.url}: .*we take no heartbeats; "
                         rf"they are kept in {self.spool} as dead letters\n\Z")
        self.assertNotIn("\x1b", said)
        letters = json.loads(self.proctor("dead-letters", "--state", self.spool, "--format", "json").stdout)
        self.assertIn("heartbeat", json.dumps(letters))
        at.otherwise = answer()
        self.proctor("dead-letters", "--state", self.spool, "--retry")
        _, said = self.audit("--spool", self.spool, to=[at.url], within=60)
        self.assertEqual(said, f"proctor: {len(at.arrived) - count} records were delivered to {at.url}\n")
        heartbeats = [line for request in at.requests for line in request.body.splitlines()
                      if b'"type":"heartbeat"' in line]
        self.assertEqual(len({json.loads(line)["record_id"] for line in heartbeats}), 2)

    def test_killed_again_and_again(self):
        """Each audit at another point of what it sends; the one that is left alone delivers all of them."""
        at = self.receiver()
        url = f"{at.url}#batch=5"
        queued = set()
        for at.otherwise in answer(), hang(), hang(read=False), late(), answer(500), half_answer():
            count = len(at.requests)
            process = subprocess.Popen([harness.PROCTOR, *QUICK, "--to", url, "--spool", self.spool],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.undo(harness.end_daemon, process)
            self.wait_for(lambda: len(at.requests) > count or process.poll() is not None)
            process.kill()
            process.wait()
            queued.update(json.loads(text)["record_id"] for text in self.waiting())
        at.otherwise = answer()
        self.audit("--spool", self.spool, to=[url], within=60)
        self.assertLessEqual(queued, set(at.arrived))
        self.assertEqual(self.waiting(), [])


if __name__ == "__main__":
    harness.main()
