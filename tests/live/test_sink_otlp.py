"""OpenTelemetry's logs: what a receiver gets, as OpenTelemetry's own messages read it, and what it may answer."""

import json
import os
import subprocess

import agents
import harness
import node
from harness import Case, needs_root
from parts import PART
from receiver import Receiver, answer, giant, hang_up, too_many


def logs(request):
    """Each log record of a request with the attributes of its resource."""
    return [(attributes(group["resource"]), log) for group in request.get("resourceLogs", [])
            for scope in group["scopeLogs"] for log in scope["logRecords"]]


def plain(value):
    """What an AnyValue was made of."""
    if not value:
        return None
    (member, content), = value.items()
    if member == "kvlistValue":
        return {pair["key"]: plain(pair["value"]) for pair in content.get("values", [])}
    if member == "arrayValue":
        return [plain(item) for item in content.get("values", [])]
    return int(content) if member == "intValue" else content


def attributes(owner):
    return {pair["key"]: plain(pair["value"]) for pair in owner.get("attributes", [])}


def ids(body):
    return [attributes(log).get("log.record.uid") for _, log in logs(json.loads(body))]


def without_empty_lists(json_value):
    """Protobuf knows no difference between an empty list and none."""
    if isinstance(json_value, dict):
        return {name: without_empty_lists(value) for name, value in json_value.items() if value != []}
    return [without_empty_lists(item) for item in json_value] if isinstance(json_value, list) else json_value


def finding(number, **members):
    return {"type": "finding", "record_id": f"{number:032x}", "sequence": 2**53 + number,
            "time": "2026-11-24T10:00:00.123Z", "host": {"hostname": "web-1", "boot_id": "b"}, "status": "opened",
            "finding": {"id": f"{number:032x}", "rule": "process.root-user", "severity": "high", "title": "T",
                        "subject": {"kind": "process", "pids": [1, 2], "count": 2}, "evidence": {},
                        **members}}


class Otlp(Case):
    """A sink of OpenTelemetry that is given batches, and a receiver that it gives them to."""

    def receiver(self, *script, otherwise=answer(200, b"{}")):
        receiver = Receiver(self, script=script, otherwise=otherwise, parse=ids)
        receiver.url = f"otlp+http://127.0.0.1:{receiver.port}"
        return receiver

    def start(self, url):
        process = subprocess.Popen([PART, "deliver", url], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        self.undo(harness.stop, process)
        return process

    def deliver(self, process, *records):
        """What the sink says of a batch."""
        lines = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
        process.stdin.write(b"".join(line + b"\n" for line in lines) + b"\n")
        process.stdin.flush()
        return process.stderr.readline().decode().rstrip("\n")

    def requests(self, *records):
        """What arrives of the records, as JSON."""
        receiver = self.receiver()
        self.assertEqual(self.deliver(self.start(receiver.url), *records), f"out {len(records)}")
        return [json.loads(request.body) for request in receiver.requests]


class Requests(Otlp):
    def test_path_and_headers(self):
        for path, expected in (("", "/v1/logs"), ("/", "/v1/logs"), ("/v1/logs", "/v1/logs"), ("/a/b", "/a/b"),
                               ("/?key=1", "/v1/logs?key=1"), ("/a?key=1", "/a?key=1")):
            receiver = self.receiver()
            self.assertEqual(self.deliver(self.start(receiver.url + path), finding(1)), "out 1")
            request, = receiver.requests
            self.assertEqual((request.method, request.path), ("POST", expected))
            self.assertEqual(request.headers["content-type"], "application/json")

    def test_packed(self):
        receiver = self.receiver()
        self.assertEqual(self.deliver(self.start(receiver.url + "#compress=gzip"), finding(1)), "out 1")
        self.assertEqual(receiver.requests[0].headers["content-encoding"], "gzip")
        self.assertEqual(receiver.arrived, [finding(1)["record_id"]])

    def test_batches_over_one_connection(self):
        receiver = self.receiver()
        sink = self.start(receiver.url)
        for start in range(0, 300, 100):
            self.assertEqual(self.deliver(sink, *map(finding, range(start, start + 100))), "out 100")
        self.assertEqual(receiver.arrived, [finding(number)["record_id"] for number in range(300)])
        self.assertEqual(receiver.connections, 1)


class Answers(Otlp):
    def test_accepted(self):
        for body in b"", b"{}", b'{"partialSuccess":{"rejectedLogRecords":"0","errorMessage":"use protobuf"}}':
            with self.subTest(body):
                receiver = self.receiver(answer(200, body))
                self.assertEqual(self.deliver(self.start(receiver.url), *map(finding, range(3))), "out 3")
                self.assertEqual(len(receiver.requests), 1)
        receiver = self.receiver(answer(204))
        self.assertEqual(self.deliver(self.start(receiver.url), finding(1)), "out 1")

    def test_rejected_in_part(self):
        """Never sent again, and told with what the receiver says, escaped; what follows goes on."""
        receiver = self.receiver(answer(200, json.dumps({"partialSuccess": {
            "rejectedLogRecords": "1", "errorMessage": "too old \x1b[31m\n"}}).encode()))
        sink = self.start(receiver.url)
        self.assertEqual(self.deliver(sink, *map(finding, range(3))),
                         r"out 0 refused 3 (1 of 3 rejected: too old \x1b[31m\n)")
        self.assertEqual(self.deliver(sink, finding(3)), "out 1")
        self.assertEqual(receiver.arrived, [finding(number)["record_id"] for number in range(4)])

    def test_a_secret_that_is_repeated(self):
        """It does not become a reason, which is kept and shown."""
        receiver = self.receiver(answer(200, json.dumps({"partialSuccess": {
            "rejectedLogRecords": 1, "errorMessage": "not for secret-token/1"}}).encode()))
        path = f"{self.scratch()}/token"
        with open(path, "w") as file:
            file.write("secret-token/1\n")
        self.assertEqual(self.deliver(self.start(f"{receiver.url}#token_file={path}"), finding(1)),
                         "out 0 refused 1 (1 of 1 rejected: not for ***)")
        self.assertEqual(receiver.requests[0].headers["authorization"], "Bearer secret-token/1")

    def test_what_is_no_answer_of_otlp(self):
        """A web server that answers 200 to everything has no record: they wait, and come later."""
        for body in b"<html>Welcome</html>", b"[]", b'{"partialSuccess":{"rejectedLogRecords":"-1"}}', b"{":
            with self.subTest(body):
                receiver = self.receiver(answer(200, body))
                sink = self.start(receiver.url)
                self.assertRegex(self.deliver(sink, finding(1)), "^out 0: 127.0.0.1: .* none of OTLP's; check")
                self.assertEqual(self.deliver(sink), "out 1")

    def test_answer_without_end(self):
        receiver = self.receiver(giant())
        sink = self.start(receiver.url)
        self.assertRegex(self.deliver(sink, finding(1)), "^out 0: ")
        self.assertEqual(self.deliver(sink), "out 1")

    def test_later(self):
        """The same records again after what is to be tried again, at the time that the receiver says."""
        for behave, told in ((too_many(7), "^out 0 wait 7: .*429"), (answer(502), "^out 0: .*502"),
                             (answer(503), "^out 0: .*503"), (answer(504), "^out 0: .*504"),
                             (answer(500), "^out 0: .*500"), (hang_up(), "^out 0: ")):
            receiver = self.receiver(behave)
            sink = self.start(receiver.url)
            self.assertRegex(self.deliver(sink, finding(1), finding(2)), told)
            self.assertEqual(self.deliver(sink), "out 2")
            self.assertEqual(receiver.first_arrivals(), [finding(1)["record_id"], finding(2)["record_id"]])

    def test_refused(self):
        """400 for one record: that one is refused, with what the receiver says, the others arrive."""
        def behave(exchange):
            exchange.read()
            wrong = finding(1)["record_id"] in ids(exchange.request.body)
            exchange.answer(400 if wrong else 200, b'{"message":"bad data"}' if wrong else b"{}")
        receiver = self.receiver(otherwise=behave)
        sink = self.start(receiver.url)
        self.assertRegex(self.deliver(sink, *map(finding, range(4))), r"^out 1 refused 1 \(400 .*bad data.*\)$")
        self.assertEqual(self.deliver(sink), "out 2")
        self.assertEqual(receiver.arrived, [finding(number)["record_id"] for number in (0, 2, 3)])


class Conformance(Otlp):
    """By @opentelemetry/otlp-transformer: read, checked, written as protobuf and read again, all is there still."""

    def read_by_others(self, *records):
        requests = self.requests(*records)
        done = node.run(self, "otlp.js", input="\n".join(map(json.dumps, requests)).encode())
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        read = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([without_empty_lists(request) for request in read],
                         [without_empty_lists(request) for request in requests])
        return [log for request in read for log in logs(request)]

    def test_field_by_field(self):
        record = finding(1, container_id="4f", container_name="web", image="shop/web:1", title="root \U0001f600",
                         ecs_task={"arn": "arn:aws:ecs:eu-west-1:123456789012:task/prod/7f", "family": "shop",
                                   "revision": "42", "cluster": "prod", "launch_type": "EC2"})
        (resource, log), = self.read_by_others(record)
        self.assertEqual(log["timeUnixNano"], "1795514400123000000")
        self.assertEqual(log["observedTimeUnixNano"], "1795514400123000000")
        self.assertEqual((log["severityNumber"], log["severityText"]), (17, "high"))
        self.assertEqual(plain(log["body"]), record)
        told = attributes(log)
        self.assertEqual(told["event.name"], "proctor.finding")
        self.assertEqual(told["log.record.uid"], record["record_id"])
        self.assertEqual(told["proctor.sequence"], 2**53 + 1)
        self.assertEqual(told["proctor.finding.title"], "root \U0001f600")
        self.assertEqual(resource["container.image.tags"], ["1"])
        self.assertEqual(resource["aws.ecs.cluster.arn"], "arn:aws:ecs:eu-west-1:123456789012:cluster/prod")
        self.assertEqual(resource["host.name"], "web-1")

    def test_hostile_and_huge(self):
        values = {
            "controls": "".join(map(chr, range(32))) + "\x7f\x9b\u202e\u2028\ufeff\uffff",
            "astral": "\U0010ffff\U0001f600", "escaped": r"\x1b[31m\n \\ \u0000", "quotes": "\"'`{}[],:",
            "": {"": None}, "numbers": [0, -1, 2**63 - 1, -2**63, 0.1, 1e300, -0.5], "flags": [True, False],
            "empty": ["", {}, []], "huge": "x" * 4000000, "many": list(range(20000)),
            "__proto__": {"constructor": 1}, "kvlistValue": {"values": [{"key": "k", "value": "v"}]}}
        records = [finding(number, evidence={name: value}) for number, (name, value) in enumerate(values.items())]
        read = self.read_by_others(*records)
        self.assertEqual([plain(log["body"]) for _, log in read], records)

    def test_what_is_no_object(self):
        lines = [b"[1]", b"{", b'{"a":1,"a":2}', b"{\"a\":\"\xff\"}", b'{"a":' * 2000 + b"1" + b"}" * 2000]
        read = self.read_by_others(*lines)
        self.assertEqual([plain(log["body"]) for _, log in read],
                         ["[1]", "{", '{"a":1,"a":2}', '{"a":"\\xff"}', lines[-1].decode()])

    def test_thousands(self):
        records = [finding(number, container_id=f"c{number % 7}", container_name="web") for number in range(5000)]
        read = self.read_by_others(*records)
        self.assertEqual(sorted(attributes(log)["log.record.uid"] for _, log in read),
                         [record["record_id"] for record in records])
        for resource, log in read:
            self.assertEqual(plain(log["body"])["finding"]["container_id"], resource["container.id"])

    @needs_root
    def test_records_of_an_agent(self):
        """As the agent makes them, from its confined shipper; those of a file beside are the same."""
        receiver = self.receiver()
        agent = agents.Agent(self, "--to", receiver.url, environment={"PROCTOR_INVENTORY": "yes"})
        agent.wait_heartbeat()
        self.wait_for(lambda: {record["record_id"] for record in agent.records()} <= set(receiver.arrived))
        expected = {record["record_id"]: record for record in agent.records()}
        self.assertLessEqual({"finding", "heartbeat"}, {record["type"] for record in expected.values()})
        requests = [json.loads(request.body) for request in receiver.requests]
        done = node.run(self, "otlp.js", input="\n".join(map(json.dumps, requests)).encode())
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        read = [log for line in done.stdout.splitlines() for log in logs(json.loads(line))]
        for resource, log in read:
            body = plain(log["body"])
            if body["record_id"] in expected:
                self.assertEqual(body, expected.pop(body["record_id"]))
            self.assertEqual(resource["host.name"], os.uname().nodename)
        self.assertEqual(expected, {})


if __name__ == "__main__":
    harness.main()
