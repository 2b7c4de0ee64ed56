"""Syslog, as rsyslog and syslog-ng take it apart, and as a receiver that misbehaves takes it."""

import json
import os
import re
import ssl
import time

import harness
from agents import Agent
from harness import needs, needs_root
from syslog_daemons import Certificates, Rsyslog, SyslogNg, missing
from syslog_receiver import MESSAGE, Datagrams, Receiver
from test_sinks import Sink

HOSTILE = ['"', "]", "[", "\\", '\\"]', '"] <13>1 - evil', "a\nb\tc\rd\x01\x7f", "é€😀\u202e", "\\x41\\n", "%s%n", "'",
           "\x00", "${x}$(y)", "", "<13>"]
SEVERITIES = {"info": 6, "low": 5, "medium": 4, "high": 3, "critical": 2}


def record(number, size=100, **finding):
    """A record as the store makes them."""
    return {"type": "finding", "record_id": f"{number:032x}", "sequence": number, "time": "2026-02-03T04:05:06.789Z",
            "host": {"hostname": "web-1"}, "status": "opened",
            "finding": {"id": f"{number:032x}", "rule": "file.setuid", "severity": "info", "why": "x" * size, **finding}}


def lines(records):
    return [json.dumps(one, ensure_ascii=False).encode() for one in records]


def escaped(value):
    """As the structured data have it: with control characters as \\xHH."""
    return "".join(f"\\x{ord(c):02x}" if c < " " or c == "\x7f" else c for c in value)


class Syslog(Sink):
    def feed(self, sink, sent, batch=100, done=None, tries=400):
        """Delivers all, again and again where it fails, as the agent does, until `done`; what was told."""
        told, out, given = [], 0, 0
        for _ in range(tries):
            more = sent[given:out + batch]
            given += len(more)
            told.append(self.deliver(sink, *more))
            out += int(told[-1].split()[1].rstrip(":"))
            if out >= len(sent) and (done is None or done()):
                return told
            if not more or ": " in told[-1]:
                time.sleep(0.02)
        self.fail(f"not done: {told[-5:]}")


# ---- as others parse it ----------------------------------------------------------------------------------

class Parsed:
    """Of the daemon `kind`."""
    kind, name = None, None

    def setUp(self):
        super().setUp()
        reason = missing(self.name)
        if reason:
            self.skipTest(reason)

    def parameters(self, message):
        """The structured data as the daemon took them apart."""
        raise NotImplementedError

    def of_json(self, message):
        """The record's id, out of the JSON that the daemon took apart."""
        raise NotImplementedError

    def check_fields(self, daemon, sent, facility=3):
        sink = self.start(daemon.url())
        self.feed(sink, lines(sent), done=lambda: len(daemon.received()) >= len(sent))
        got = daemon.received()
        self.assertEqual(len(got), len(sent))
        for message, one in zip(got, sent):
            finding = one["finding"]
            self.assertEqual(int(message["pri"]), facility * 8 + 6)
            self.assertEqual(int(message["protocol-version"]), 1)
            self.assertRegex(message["timereported"], r"^2026-02-03T04:05:06\.789(000)?(Z|\+00:00)$")
            self.assertEqual([message[name] for name in ("hostname", "app-name", "procid", "msgid")],
                             ["web-1", "proctor", str(sink.pid), "finding"])
            self.assertEqual(json.loads(message["msg"]), one)
            self.assertEqual(self.of_json(message), one["record_id"])
            self.assertEqual(self.parameters(message), {
                "record_id": one["record_id"], "sequence": str(one["sequence"]), "status": "opened",
                "rule": finding["rule"], "severity": "info", "fingerprint": finding["id"],
                **({"container": escaped(finding["container_name"])} if "container_name" in finding else {})})
            self.assertEqual(message["structured-data"].count("[proctor@32473 "), 1)

    def test_fields_by_tcp(self):
        self.check_fields(self.kind(self), [record(0), record(1, container_name="web")])

    @needs("openssl")
    def test_fields_by_tls(self):
        self.check_fields(self.kind(self, tls=Certificates(self)), [record(n) for n in range(300)])

    def test_fields_by_a_socket_of_datagrams(self):
        self.check_fields(self.kind(self, path=self.scratch() + "/log"), [record(n) for n in range(300)])

    def test_hostile_strings(self):
        self.check_fields(self.kind(self), [record(n, container_name=text, title=text, evidence={"path": text})
                                            for n, text in enumerate(HOSTILE)])

    def test_record_of_the_longest_message(self):
        """Of one whole message to the last byte, which it takes by default, and of one byte more."""
        daemon = self.kind(self)
        sink = self.start(daemon.url())
        base = record(1, size=0)
        head = len(json.dumps(base)) + len('<30>1 2026-02-03T04:05:06.789Z web-1 proctor  finding ') + len(str(sink.pid))
        data = ('[proctor@32473 record_id="%s" sequence="1" status="opened" rule="file.setuid" severity="info" '
                'fingerprint="%s"] ' % (base["record_id"], base["finding"]["id"]))
        size = 8192 - head - len(data)
        sent = [record(1, size=size), record(1, size=size + 1)]
        self.feed(sink, lines(sent), done=lambda: len(daemon.received()) >= 3)
        got = [message["msg"] for message in daemon.received()]
        self.assertEqual(json.loads(got[0]), sent[0])
        self.assertEqual(json.loads(got[1] + got[2]), sent[1])
        parts = [self.parameters(message) for message in daemon.received()[1:]]
        self.assertEqual([(part["part"], part["parts"]) for part in parts], [("1", "2"), ("2", "2")])

    def test_large_records(self):
        daemon = self.kind(self, most="256k")
        sent = [record(n, size=100000 * n) for n in range(3)]
        self.feed(self.start(daemon.url()), lines(sent), done=lambda: len(self.joined(daemon)) == len(sent))
        self.assertEqual(self.joined(daemon), sent)

    def joined(self, daemon):
        """The records, those in parts put together: for messages in order."""
        whole, found = "", []
        for message in daemon.received():
            whole += message["msg"]
            part = self.parameters(message)
            if part.get("part") == part.get("parts"):
                found.append(json.loads(whole))
                whole = ""
        return found

    def restart(self, daemon, end):
        """Ends and starts it twice while records flow; what arrived."""
        sent = lines(record(n, size=300) for n in range(3000))
        sink = self.start(daemon.url())
        for start in 0, 1000, 2000:
            self.feed(sink, sent[start:start + 500])
            end()
            daemon.start()
            self.feed(sink, sent[start + 500:start + 1000])
        self.feed(sink, [], done=lambda: len({self.parameters(message)["record_id"] for message in daemon.received()}) == 3000)
        return daemon.received()

    def test_restart_while_records_flow(self):
        daemon = self.kind(self)
        self.assertGreaterEqual(len(self.restart(daemon, daemon.stop)), 3000)

    @needs("openssl")
    def test_restart_under_tls(self):
        daemon = self.kind(self, tls=Certificates(self))
        self.assertGreaterEqual(len(self.restart(daemon, daemon.stop)), 3000)

    def test_restart_of_a_socket_of_datagrams(self):
        daemon = self.kind(self, path=self.scratch() + "/log")

        def end():
            daemon.stop()
            if os.path.exists(daemon.path):
                os.unlink(daemon.path)
        self.assertGreaterEqual(len(self.restart(daemon, end)), 3000)

    @needs("openssl")
    def test_without_the_certificate_that_it_wants(self):
        """Of what it will not take nothing is out."""
        tls = Certificates(self)
        daemon = self.kind(self, tls=tls)
        for keys in ((), (f"certificate_file={tls.certificate('other')}", f"key_file={tls.key('other')}")):
            url = f"syslog+tls://127.0.0.1:{daemon.port}#" + "&".join((f"ca_file={tls.certificate('ca')}", *keys))
            told = self.deliver(self.start(url), *lines([record(1)]))
            self.assertRegex(told, "^out 0: .*127.0.0.1")
        self.assertEqual(daemon.received(), [])

    @needs_root
    def test_agent(self):
        """All of what an agent sends, from behind its confinement."""
        daemon = self.kind(self, most="1m")
        agent = Agent(self, to=daemon.url())
        self.wait_for(lambda: any(message["msgid"] == "heartbeat" for message in daemon.received()))
        agent.stop()
        for one in self.joined(daemon):
            agent_severity = one["finding"]["severity"] if one["type"] == "finding" else "info"
            got = [message for message in daemon.received()
                   if self.parameters(message)["record_id"] == one["record_id"]]
            self.assertTrue(got)
            self.assertEqual({int(message["pri"]) for message in got}, {3 * 8 + SEVERITIES[agent_severity]})
            self.assertEqual({message["timereported"].replace("+00:00", "Z")[:19] for message in got}, {one["time"][:19]})


class ByRsyslog(Parsed, Syslog):
    kind, name = Rsyslog, "rsyslog"

    def parameters(self, message):
        return message["parsed"]["rfc5424-sd"]["proctor@32473"]

    def of_json(self, message):
        return message["parsed"]["record"]["record_id"]


class BySyslogNg(Parsed, Syslog):
    kind, name = SyslogNg, "syslog-ng"

    def parameters(self, message):
        return message["sdata"]["proctor@32473"]

    def of_json(self, message):
        return message["of-json"]

    def test_fields_by_a_socket_of_streams(self):
        self.check_fields(self.kind(self, path=self.scratch() + "/log", stream=True), [record(n) for n in range(300)])


# ---- as it may be taken ------------------------------------------------------------------------------------

class ByReceiver(Syslog):
    """A receiver that misbehaves by script. Nothing of what is sent is lost, whatever the first connections do."""

    def check(self, script, count=300, most_doubles=0, path=None, context=None, keys=()):
        sent = [record(n) for n in range(count)]
        with Receiver(script, context=context, path=path) as receiver:
            scheme = f"syslog+unix://{path}" if path else f"syslog+{'tls' if context else 'tcp'}://127.0.0.1:{receiver.port}"
            sink = self.start(scheme + "#" + "&".join(("timeout=20s", *keys)))
            self.feed(sink, lines(sent), done=lambda: len({one["sequence"] for one in receiver.bodies()}) == count)
            got = receiver.bodies()
            harness.stop(sink)
        self.assertEqual({one["sequence"]: one for one in got}, {n: sent[n] for n in range(count)})
        self.assertLessEqual(len(got) - count, most_doubles)
        return receiver

    def test_takes_all(self):
        self.assertEqual(self.check(["take"]).connections, 1)

    def test_closes_after_each_record(self):
        """Each is sent once more, since who closes says nothing of what became of it, and no more."""
        self.check(["close 1"], most_doubles=300)

    def test_closes_after_some(self):
        self.check(["close 5"], count=10, most_doubles=100)

    def test_resets(self):
        for script in ["reset 0", "take"], ["reset 1", "take"], ["reset 7", "reset 40", "half 3", "take"]:
            with self.subTest(script):
                self.check(script, most_doubles=100)

    def test_hangs_and_goes_with_what_was_never_read(self):
        sent = [record(n) for n in range(300)]
        with Receiver(["hang", "take"]) as receiver:
            sink = self.start(f"syslog+tcp://127.0.0.1:{receiver.port}")
            self.assertEqual(self.deliver(sink, *lines(sent[:50])), "out 50")  # its kernel has them
            self.assertEqual(receiver.messages, [])
            receiver.release()
            self.feed(sink, lines(sent[50:]), done=lambda: len(receiver.messages) == 300)
            self.assertEqual(receiver.bodies(), sent)

    def test_hangs_until_its_buffers_are_full(self):
        """Then nothing is out any more, until the time is over."""
        with Receiver(["hang"]) as receiver:
            sink = self.start(f"syslog+tcp://127.0.0.1:{receiver.port}#timeout=1s")
            told = "out 1"
            while told == "out 1":
                told = self.deliver(sink, *lines([record(0, size=500000)]))
            self.assertRegex(told, "^out 0: .* took too long|^out 0: .* did not take all in time")

    def test_slow_reader(self):
        self.check(["slow"], count=100)

    def test_window_bounds_what_is_sent_again(self):
        with Receiver(["hang", "take"]) as receiver:
            sink = self.start(f"syslog+tcp://127.0.0.1:{receiver.port}#window=10")
            self.assertEqual(self.deliver(sink, *lines([record(n) for n in range(50)])), "out 50")
            receiver.release()
            self.feed(sink, [], done=lambda: len(receiver.messages) == 10)
            self.feed(sink, lines([record(50)]), done=lambda: len(receiver.messages) == 11)
            self.assertEqual([one["sequence"] for one in receiver.bodies()], list(range(40, 51)))

    def test_is_away_for_a_while(self):
        sent = [record(n) for n in range(200)]
        with Receiver() as receiver:
            sink = self.start(f"syslog+tcp://127.0.0.1:{receiver.port}")
            self.feed(sink, lines(sent[:100]))
            receiver.stop()
            self.send(sink, *lines(sent[100:]))
            self.assertRegex(self.result(sink), "^out 0: ")
            self.assertRegex(self.deliver(sink), "^out 0: connecting to 127.0.0.1:.*onnect")
            receiver.start()
            self.feed(sink, [], done=lambda: len({one["sequence"] for one in receiver.bodies()}) == 200)

    def test_stop_ends_the_wait(self):
        stopped, stop = os.pipe()
        self.undo(os.close, stopped)
        self.undo(os.close, stop)
        with Receiver(["hang"]) as receiver:
            sink = self.start(f"syslog+tcp://127.0.0.1:{receiver.port}#timeout=10m", stop=stopped)
            self.send(sink, *lines([record(n, size=500000) for n in range(60)]))
            self.wait_for(lambda: receiver.connections)
            os.write(stop, b"x")
            self.assertRegex(self.result(sink), r"^out \d+: .*stopped")

    def test_killed_while_records_flow(self):
        """What was out when the sink was killed has arrived or will: it has left this machine's kernel."""
        with Receiver() as receiver:
            for start in range(0, 2000, 100):
                sink = self.start(f"syslog+tcp://127.0.0.1:{receiver.port}")
                for one in lines([record(start + n, size=2000) for n in range(100)]):
                    sink.stdin.write(one + b"\n\n")
                sink.stdin.flush()
                for _ in range(start // 20):
                    self.result(sink)
                sink.kill()
                told = start // 20 + sink.stderr.read().count(b"out 1\n")
                expected = set(range(start, start + told))
                self.wait_for(lambda: expected <= {one["sequence"] for one in receiver.bodies()})

    def test_refuses_what_is_no_record(self):
        with Receiver() as receiver:
            sink = self.start(f"syslog+tcp://127.0.0.1:{receiver.port}")
            self.assertRegex(self.deliver(sink, *lines([record(0)]), b"no JSON", *lines([record(1)])),
                             r"^out 1 refused 1 \(no JSON object: ")
            self.feed(sink, [], done=lambda: len(receiver.messages) == 2)

    def context(self, certificates, name="server"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.certificate(name), certificates.key(name))
        return context

    @needs("openssl")
    def test_tls(self):
        certificates = Certificates(self)
        keys = (f"ca_file={certificates.certificate('ca')}",)
        self.check(["take"], context=self.context(certificates), keys=keys)
        self.check(["close 1"], count=50, most_doubles=50, context=self.context(certificates), keys=keys)
        self.check(["reset 7", "half 3", "take"], most_doubles=100, context=self.context(certificates), keys=keys)

    @needs("openssl")
    def test_certificates_that_are_not_believed(self):
        certificates = Certificates(self)
        for server, host, ca in ("other", "127.0.0.1", "ca"), ("server", "localhost", "ca"), ("server", "127.0.0.1", None):
            with self.subTest(server=server, host=host, ca=ca):
                with Receiver(context=self.context(certificates, server)) as receiver:
                    keys = f"#ca_file={certificates.certificate(ca)}" if ca else ""
                    sink = self.start(f"syslog+tls://{host}:{receiver.port}{keys}")
                    self.assertRegex(self.deliver(sink, *lines([record(0)])), "^out 0: .*certificate")
                    self.assertEqual(receiver.messages, [])


    def test_socket_of_streams(self):
        for script in ["take"], ["close 1"], ["reset 7", "take"]:
            with self.subTest(script):
                self.check(script, count=100, most_doubles=150, path=self.scratch() + "/log")


class ByDatagrams(Syslog):
    """The like of /dev/log."""

    def setUp(self):
        super().setUp()
        self.path = self.scratch() + "/log"
        self.url = f"syslog+unix://{self.path}"

    def sequences(self, messages):
        return [json.loads(MESSAGE.fullmatch(message)[8])["sequence"] for message in messages]

    def test_one_message_each(self):
        receiver = Datagrams(self.path)
        self.undo(receiver.close)
        sink = self.start(self.url)
        self.send(sink, *lines([record(n) for n in range(100)]))
        self.assertEqual(self.sequences(receiver.take(100)), list(range(100)))
        self.assertEqual(self.result(sink), "out 100")

    def test_out_when_it_was_read(self):
        receiver = Datagrams(self.path)
        self.undo(receiver.close)
        sink = self.start(self.url + "#timeout=1s")
        self.assertRegex(self.deliver(sink, *lines([record(0)])), "^out 0: waiting for .*: it did not take all in time")

    def test_another_one_in_its_place(self):
        """What the first one was sent comes again: it may not have seen to it."""
        first = Datagrams(self.path)
        sink = self.start(self.url)
        self.send(sink, *lines([record(0)]))
        first.take(1)
        self.assertEqual(self.result(sink), "out 1")
        first.close()
        os.unlink(self.path)
        self.assertRegex(self.deliver(sink, *lines([record(1)])), "^out 0: sending to .*: Connection refused")
        self.assertRegex(self.deliver(sink), "^out 0: connecting to .*: No such file")
        second = Datagrams(self.path)
        self.undo(second.close)
        self.send(sink)
        self.assertEqual(self.sequences(second.take(2)), [0, 1])
        self.assertEqual(self.result(sink), "out 1")

    def test_too_long_for_the_socket(self):
        """It is refused with the reason, and the next one sent."""
        receiver = Datagrams(self.path)
        self.undo(receiver.close)
        sink = self.start(self.url + "#max_message=1MiB")
        self.assertRegex(self.deliver(sink, *lines([record(0, size=900000), record(1)])),
                         r"^out 0 refused 1 \(9\d{5} bytes are too long for a datagram to /")
        self.send(sink)
        self.assertEqual(self.sequences(receiver.take(1)), [1])
        self.assertEqual(self.result(sink), "out 1")

    def test_in_parts_by_default(self):
        receiver = Datagrams(self.path)
        self.undo(receiver.close)
        sink = self.start(self.url)
        self.send(sink, *lines([record(0, size=900000)]))
        parts = re.search(rb' parts="(\d+)"', receiver.take(1)[0])[1]
        receiver.take(int(parts) - 1)
        self.assertLess(max(map(len, receiver.messages)), 8193)
        self.assertEqual(self.result(sink), "out 1")


if __name__ == "__main__":
    harness.main()
