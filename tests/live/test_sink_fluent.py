"""The sink of the forward protocol, and FireLens: what is sent, what is made of answers good and bad, and whom it
trusts."""

import json
import os
import re
import socket
import subprocess
import time
import urllib.parse

import fluent_receiver
import harness
import node
import packed
import stand_in
from agents import Agent
from certificates import Authority
from fluent_receiver import FluentReceiver, Handshake
from harness import needs, needs_root
from parts import PART
from test_sinks import Sink

SECRET = "hunter2-is-secret"


def records(count, start=0, size=20):
    return [b'{"id":%d,"x":"%s"}' % (n, b"x" * size) for n in range(start, start + count)]


class Fluent(Sink):
    """Its keys come by the variable, where secrets may stand."""

    def sink(self, url, stop=None, environment=None, **keys):
        pairs = "&".join(f"{key}={urllib.parse.quote(str(value), safe='/')}" for key, value in keys.items())
        variables = dict(os.environ, PROCTOR_TO=f"{url}#{pairs}" if pairs else url, **environment or {})
        return self.start("", stop=stop, env=variables)

    def result(self, process):
        said = super().result(process)
        self.assertNotIn(SECRET, said)
        return said

    def told(self, url, *sent, **keys):
        """What a sink of its own says of a batch."""
        process = self.sink(url, **keys)
        said = self.deliver(process, *sent)
        harness.stop(process)
        return said

    def with_user(self, receiver, user):
        return receiver.url.replace("://", f"://{user}@")


# ---- what is sent --------------------------------------------------------------------------------------

class Chunks(Fluent):
    def test_a_batch_is_a_chunk(self):
        at = FluentReceiver(self)
        self.assertEqual(self.told(at.url, *records(3)), "out 3")
        chunk, = at.chunks
        self.assertEqual(chunk.tag, "proctor")
        self.assertIsInstance(chunk.data, bytes)
        self.assertEqual(set(chunk.option), {"chunk", "size"})
        self.assertEqual(chunk.records, list(map(json.loads, records(3))))

    def test_every_kind_of_value(self):
        at = FluentReceiver(self)
        texts = ['{}', '{"a":[[],{},null,true,false,""]}', '{"text":"\\u0000\\u20ac\\ud83d\\ude00\\"\\\\"}',
                 '{"numbers":[0,1,-1,127,128,-32,-33,255,256,65535,65536,4294967295,4294967296,-32768,-32769,-2147483649]}',
                 '{"ends":[9223372036854775807,-9223372036854775808]}', '{"reals":[1.5,-0.0,1e300,5e-324,0.1]}',
                 '{"many":%s}' % json.dumps(list(range(70000))), '{"long":"%s"}' % ("x" * 70000),
                 json.dumps({"keys": {f"k{n}": n for n in range(300)}})]
        self.assertEqual(self.told(at.url, *map(str.encode, texts)), f"out {len(texts)}")
        for text, record in zip(texts, at.chunks[0].records, strict=True):
            self.assertEqual(json.dumps(record), json.dumps(json.loads(text)))  # keys in their order, too

    def test_the_time_of_a_record_to_the_nanosecond(self):
        at = FluentReceiver(self)
        cases = {"2026-11-25T01:34:12.920Z": (1795570452, 920000000), "1970-01-01T00:00:00Z": (0, 0),
                 "2106-02-07T06:28:15.123456789Z": (4294967295, 123456789), "2026-11-25T01:34:12.0000000019Z": (1795570452, 1)}
        sent = [json.dumps({"time": text}).encode() for text in cases]
        self.assertEqual(self.told(at.url, *sent), f"out {len(sent)}")
        self.assertEqual(at.chunks[0].times, list(cases.values()))

    def test_the_time_of_a_record_without_one_is_now(self):
        at = FluentReceiver(self)
        sent = [b"{}", b'{"time":5}', b'{"time":"2026-11-25T01:34:12.920+01:00"}', b'{"time":"yesterday"}']
        before = time.time()
        self.assertEqual(self.told(at.url, *sent), "out 4")
        for seconds, nanoseconds in at.chunks[0].times:
            self.assertTrue(int(before) <= seconds <= time.time() and nanoseconds < 10**9)

    def test_compressed(self):
        at = FluentReceiver(self)
        self.assertEqual(self.told(at.url, *records(500), compress="gzip"), "out 500")
        chunk, = at.chunks
        self.assertEqual(chunk.option["compressed"], "gzip")
        self.assertLess(len(chunk.data), 5000)
        self.assertEqual(at.arrived, list(range(500)))

    def test_tag(self):
        at = FluentReceiver(self)
        self.assertEqual(self.told(at.url, *records(1), tag="a.b"), "out 1")
        self.assertEqual(at.chunks[0].tag, "a.b")

    def test_what_is_no_object_comes_as_text(self):
        at = FluentReceiver(self)
        for wrong in "[]", "{", '{"a":18446744073709551616}', '{"a":1e999}', "nothing":
            self.assertEqual(self.told(at.url, b'{"id":1}', wrong.encode(), b'{"id":2}'), "out 3")
            self.assertEqual(at.chunks[-1].records, [{"id": 1}, {"log": wrong}, {"id": 2}])

    def test_one_connection_and_a_name_for_each_chunk(self):
        at = FluentReceiver(self)
        process = self.sink(at.url)
        for start in range(0, 50, 10):
            self.assertEqual(self.deliver(process, *records(10, start)), "out 10")
        self.assertEqual((at.connections, at.arrived), (1, list(range(50))))
        names = {chunk.id for chunk in at.chunks}
        self.assertEqual(len(names), 5)
        for name in names:
            self.assertRegex(name, r"^[A-Za-z0-9+/]{22}==$")

    def test_a_large_batch(self):
        at = FluentReceiver(self)
        self.assertEqual(self.told(at.url, *records(200, size=50000)), "out 200")
        self.assertEqual(at.arrived, list(range(200)))


# ---- who receives --------------------------------------------------------------------------------------

WRONG_ANSWERS = [
    (fluent_receiver.wrong_chunk(), "it acknowledged something that was not sent"),
    (fluent_receiver.answer({"ack": ""}), "it acknowledged something that was not sent"),
    (fluent_receiver.answer({"ack": True}), "it acknowledged something that was not sent"),
    (fluent_receiver.answer({"ack": {}}), "it acknowledged something that was not sent"),
    (fluent_receiver.answer({}), "no acknowledgement"),
    (fluent_receiver.answer([]), "no acknowledgement"),
    (fluent_receiver.answer(None), "no acknowledgement"),
    (fluent_receiver.answer(True), "no acknowledgement"),
    (fluent_receiver.answer({"nack": "x"}), "no acknowledgement"),
    (fluent_receiver.answer(["HELO", {"nonce": "x"}]), "asks for a shared key; set shared_key_file"),
    (fluent_receiver.half_ack(close=True), "it ended the connection"),
    (fluent_receiver.half_ack(), "it took too long"),
    (fluent_receiver.no_ack(), "it took too long"),
    (fluent_receiver.late(), "it took too long"),
    (fluent_receiver.hang_up(), "it ended the connection"),
    (fluent_receiver.reset(), "reset by peer"),
    (fluent_receiver.garbage(), "no message of msgpack"),
    (fluent_receiver.garbage(b"\x91" * 40 + b"\xc0"), "nested too deep"),
    (fluent_receiver.garbage(b"\xdd\xff\xff\xff\xff"), "longer than 8192 bytes"),
    (fluent_receiver.giant(), "longer than 8192 bytes"),
]


class Answers(Fluent):
    def test_nothing_is_out_before_its_acknowledgement(self):
        """After each of them the connection is another, and what was not acknowledged comes again."""
        at = FluentReceiver(self, script=[behaviour for behaviour, _ in WRONG_ANSWERS])
        process = self.sink(at.url, timeout="3s")
        sent = records(3)
        for count, (_, words) in enumerate(WRONG_ANSWERS, 1):
            with self.subTest(words):
                said = self.deliver(process, *sent)
                sent = ()
                self.assertRegex(said, rf"^out 0: .*127\.0\.0\.1:{at.port}.*({words})")
                self.assertEqual(at.connections, count)
        self.assertEqual(self.deliver(process), "out 3")
        self.assertEqual(at.first_arrivals(), [0, 1, 2])
        self.assertEqual(at.doubles(), 3 * len(WRONG_ANSWERS))

    def test_an_acknowledgement_and_more(self):
        """What comes with it in one piece makes it doubtful; what comes behind it does not."""
        at = FluentReceiver(self, script=[fluent_receiver.ack_and_more()])
        process = self.sink(at.url)
        said = self.deliver(process, *records(3))
        self.assertRegex(said, "^out (3$|0: .*says more than it was asked)")
        if said != "out 3":
            self.assertEqual(self.deliver(process), "out 3")
        self.assertEqual(at.first_arrivals(), [0, 1, 2])

    def test_an_acknowledgement_of_another_chunk(self):
        at = FluentReceiver(self, script=[fluent_receiver.ack(), fluent_receiver.last_chunk()])
        process = self.sink(at.url)
        self.assertEqual(self.deliver(process, *records(1)), "out 1")
        self.assertRegex(self.deliver(process, *records(1, 1)), "^out 0: .* not sent")
        self.assertEqual(self.deliver(process), "out 1")

    def test_a_slow_acknowledgement(self):
        at = FluentReceiver(self, otherwise=fluent_receiver.drip())
        self.assertEqual(self.told(at.url, *records(2)), "out 2")

    def test_the_time_of_an_exchange_is_bounded(self):
        """However busy the receiver looks: a byte now and then buys it no more."""
        at = FluentReceiver(self, script=[fluent_receiver.drip(seconds=0.2)])
        start = time.monotonic()
        self.assertRegex(self.told(at.url, *records(1), timeout="1s"), "^out 0: .* took too long")
        self.assertGreaterEqual(time.monotonic() - start, 1)

    def test_a_connection_that_ended_meanwhile_is_no_failure(self):
        at = FluentReceiver(self, otherwise=fluent_receiver.ack(close=True))
        process = self.sink(at.url)
        for start in range(3):
            self.assertEqual(self.deliver(process, *records(1, start)), "out 1")
            self.wait_for(lambda: not at.open_connections())
        self.assertEqual((at.connections, at.doubles()), (3, 0))

    def test_nobody_listens_and_then_somebody_does(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        process = self.sink(f"fluent://127.0.0.1:{port}")
        self.assertRegex(self.deliver(process, *records(2)), f"^out 0: connecting to 127.0.0.1:{port}: ")
        at = FluentReceiver(self, port=port)
        self.assertEqual(self.deliver(process), "out 2")
        self.assertEqual(at.arrived, [0, 1])

    def test_stop_ends_each_wait(self):
        mute = self.scratch() + "/mute"
        listener = socket.socket(socket.AF_UNIX)  # whose connections nobody accepts, and whose bytes nobody reads
        listener.bind(mute)
        listener.listen()
        self.addCleanup(listener.close)
        cases = {"acknowledgement": (FluentReceiver(self, otherwise=fluent_receiver.no_ack()).url, records(1), {}),
                 "room": (f"fluent+unix://{mute}", records(100, size=50000), {}),
                 "HELO": (FluentReceiver(self, handshake=fluent_receiver.Silent("x")).url, records(1), {"shared_key": SECRET})}
        for name, (url, sent, keys) in cases.items():
            with self.subTest(name):
                stopped, stop = os.pipe()
                process = self.sink(url, stop=stopped, timeout="10m", **keys)
                self.send(process, *sent)
                os.write(stop, b"x")
                self.assertRegex(self.result(process), "^out 0: .*stopped")
                os.close(stop), os.close(stopped)

    def test_stop_ends_connecting(self):
        """A receiver whose backlog is full does not answer at all."""
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_connection(full.getsockname()):
            stopped, stop = os.pipe()
            process = self.sink("fluent://127.0.0.1:%d" % full.getsockname()[1], stop=stopped, timeout="10m")
            self.send(process, *records(1))
            os.write(stop, b"x")
            self.assertRegex(self.result(process), "^out 0: .*stopped")
            os.close(stop), os.close(stopped)

    @needs_root
    @needs("unshare", "mount")
    def test_stop_while_a_name_server_is_silent(self):
        """The resolver would wait for it for two minutes yet."""
        path = f"{self.scratch()}/resolv.conf"
        with open(path, "w") as file:
            file.write("nameserver 127.0.0.78\noptions timeout:30 attempts:4\n")
        command = f'mount --bind {path} /etc/resolv.conf && exec {PART} deliver "$0" "$1"'
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.78", 53))
            server.settimeout(harness.TIMEOUT)
            stopped, stop = os.pipe()
            process = subprocess.Popen(["unshare", "--mount", "sh", "-c", command,
                                        "fluent+tls://silent.example/#timeout=600", str(stopped)],
                                       stdin=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[stopped],
                                       env=dict(os.environ, **harness.WITHOUT_LEAKS))  # of the thread that still waits
            self.undo(harness.stop, process)
            self.send(process, *records(1))
            server.recv(512)
            began = time.monotonic()
            os.write(stop, b"x")
            self.assertEqual(self.result(process), "out 0: connecting to silent.example:24224: stopped")
            self.assertLess(time.monotonic() - began, 100)
            os.close(stop), os.close(stopped)

    def test_urls_and_keys_that_are_wrong(self):
        for url, keys, words in (("fluent://127.0.0.1/path", {}, "has no path"),
                                 ("fluent://example.com", {}, "goes in clear"),
                                 ("fluent+unix://relative", {}, "fluent\\+unix:///PATH"),
                                 ("fluent://127.0.0.1", {"tag": ""}, "tag: empty"),
                                 ("fluent://127.0.0.1", {"ca_file": "/x"}, "has no TLS"),
                                 ("fluent+tls://127.0.0.1", {"key_file": "/x"}, "go together"),
                                 ("fluent://127.0.0.1", {"shared_key": SECRET, "shared_key_file": "/x"}, "one too many"),
                                 (f"fluent://user:{SECRET}@127.0.0.1", {}, "only where there is a shared key"),
                                 ("fluent://127.0.0.1", {"headers": "a=b"}, "headers")):
            with self.subTest(url=url, **keys):
                process = self.sink(url, **keys)
                process.stdin.close()
                said = process.stderr.read().decode()
                self.assertRegex(said, f"^failed: .*{words}")
                self.assertNotIn(SECRET, said)


# ---- the shared key ------------------------------------------------------------------------------------

LIES = [
    (fluent_receiver.WrongDigest("guessed"), "it does not know the shared key"),
    (fluent_receiver.Mirror("guessed"), "it does not know the shared key"),
    (Handshake("another"), "it refuses us: not right"),
    (fluent_receiver.Silent(""), "it took too long"),
    (fluent_receiver.Says(b"\xc1"), "no message of msgpack"),
    (fluent_receiver.Says(b"SSH-2.0-OpenSSH\r\n"), "no message of msgpack|says more|no HELO"),
    (fluent_receiver.Says(packed.pack(["HELO", {}])), "no HELO"),
    (fluent_receiver.Says(packed.pack(["HELO", {"nonce": ""}])), "no HELO"),
    (fluent_receiver.Says(packed.pack(["HELO", {"nonce": "x" * 257}])), "no HELO"),
    (fluent_receiver.Says(packed.pack(["HELO", {"nonce": "x", "auth": 5}])), "no HELO"),
    (fluent_receiver.Says(packed.pack(["HELO"])), "no HELO"),
    (fluent_receiver.Says(packed.pack({"ack": "x"})), "no HELO"),
    (fluent_receiver.Says(packed.pack(["PONG", True, "", "x", ""])), "no HELO"),
    (fluent_receiver.Says(packed.pack(["HELO", {"nonce": "x" * 9000}])), "longer than 8192 bytes"),
    (fluent_receiver.SaysOfPing(["PONG", True, "", "x"]), "no PONG"),
    (fluent_receiver.SaysOfPing(["PONG", "true", "", "x", ""]), "no PONG"),
    (fluent_receiver.SaysOfPing({"ack": "x"}), "no PONG"),
    (fluent_receiver.SaysOfPing(["PONG", True, "", "x", ""]), "it does not know the shared key"),
    (fluent_receiver.SaysOfPing(["PONG", False, "\x1b[31m" + "x" * 5000, "x", ""]), "it refuses us: \x1b\\[31mx{195}$"),
]


class SharedKey(Fluent):
    def test_both_sides_know_it(self):
        at = FluentReceiver(self, handshake=Handshake(SECRET))
        process = self.sink(at.url, shared_key=SECRET)
        for start in 0, 5:
            self.assertEqual(self.deliver(process, *records(5, start)), "out 5")
        self.assertEqual((at.connections, at.arrived), (1, list(range(10))))

    def test_users(self):
        at = FluentReceiver(self, handshake=Handshake(SECRET, users={"bob": "p:w"}))
        url = self.with_user(at, "bob:p%3Aw")
        self.assertEqual(self.told(url, *records(1), shared_key=SECRET), "out 1")
        self.assertRegex(self.told(self.with_user(at, f"bob:{SECRET}"), *records(1), shared_key=SECRET), "refuses us: not right")
        self.assertRegex(self.told(at.url, *records(1), shared_key=SECRET), "asks for a user and a password")
        self.assertEqual(at.arrived, [0])

    def test_no_password_goes_where_none_is_asked_for(self):
        heard = []

        class Listening(Handshake):
            def is_right(self, ping):
                heard.append(ping)
                return super().is_right(ping)

        at = FluentReceiver(self, handshake=Listening(SECRET))
        self.assertEqual(self.told(self.with_user(at, "bob:x"), *records(1), shared_key=SECRET), "out 1")
        self.assertEqual(heard[0][4:], ["", ""])
        self.assertRegex(heard[0][1], "^proctor@")
        self.assertRegex(heard[0][2], "^[0-9a-f]{32}$")

    def test_nothing_is_sent_to_who_lies(self):
        for handshake, words in LIES:
            with self.subTest(words, of=type(handshake).__name__):
                at = FluentReceiver(self, handshake=handshake)
                self.assertRegex(self.told(at.url, *records(1), shared_key=SECRET, timeout="1s"),
                                 rf"^out 0: .*127\.0\.0\.1:{at.port}: .*({words})")
                self.assertEqual(at.arrived, [])

    def test_a_receiver_that_wants_a_connection_for_each_chunk(self):
        at = FluentReceiver(self, handshake=Handshake(SECRET, keepalive=False))
        process = self.sink(at.url, shared_key=SECRET)
        for start in range(3):
            self.assertEqual(self.deliver(process, *records(1, start)), "out 1")
        self.assertEqual((at.connections, at.arrived), (3, [0, 1, 2]))

    def test_the_file_is_read_at_each_connection(self):
        path = f"{self.scratch()}/key"
        at = FluentReceiver(self, handshake=Handshake(SECRET), otherwise=fluent_receiver.ack(close=True))
        process = self.sink(at.url, shared_key_file=path)
        self.assertRegex(self.deliver(process, *records(1)), f"^out 0: .*reading shared_key_file {path}: No such file")
        for key, result in ((f"wrong{SECRET}", "^out 0: .*refuses us"), (SECRET, "^out 1$"), ("", "^out 0: .*shared_key_file")):
            with open(path, "w") as file:
                file.write(key + "\n")
            self.assertRegex(self.deliver(process, *(records(1, 1) if not key else ())), result)
            self.wait_for(lambda: not at.open_connections())
        self.assertEqual(at.arrived, [0])


# ---- TLS and sockets -----------------------------------------------------------------------------------

@needs("openssl")
class Tls(Fluent):
    def setUp(self):
        self.authority = Authority(self.scratch())

    def test_verified(self):
        at = FluentReceiver(self, tls=self.authority.issue("receiver"), handshake=Handshake(SECRET))
        process = self.sink(at.url, ca_file=self.authority.certificate, shared_key=SECRET)
        for start in range(3):
            self.assertEqual(self.deliver(process, *records(200, start * 200, size=5000)), "out 200")
        self.assertEqual((at.connections, at.arrived), (1, list(range(600))))

    def test_whom_it_does_not_trust(self):
        another = Authority(self.scratch(), "another")
        trusted = self.authority.certificate
        for certificate, ca_file, words in (
                (self.authority.issue("receiver"), None, "certificate"),
                (another.issue("receiver"), trusted, "certificate"),
                (self.authority.issue("elsewhere", hosts=["DNS:example.com"]), trusted, "match|name"),
                (self.authority.issue("old", days=-1), trusted, "expired")):
            with self.subTest(words, ca_file=ca_file):
                at = FluentReceiver(self, tls=certificate)
                keys = {"ca_file": ca_file} if ca_file else {}
                self.assertRegex(self.told(at.url, *records(1), **keys), f"^out 0: connecting to localhost:{at.port}: .*({words})")
                self.assertEqual(at.arrived, [])

    def test_a_certificate_of_our_own(self):
        at = FluentReceiver(self, tls=self.authority.issue("receiver"), clients=self.authority.certificate)
        certificate, key = self.authority.issue("proctor")
        keys = {"ca_file": self.authority.certificate}
        self.assertEqual(self.told(at.url, *records(1), certificate_file=certificate, key_file=key, **keys), "out 1")
        self.assertRegex(self.told(at.url, *records(1), **keys), "^out 0: ")
        self.assertEqual(at.arrived, [0])

    def test_in_clear_where_tls_is_wanted(self):
        at = FluentReceiver(self, handshake=Handshake(SECRET))
        url = f"fluent+tls://localhost:{at.port}"
        self.assertRegex(self.told(url, *records(1), shared_key=SECRET), f"^out 0: connecting to localhost:{at.port}: ")
        self.assertEqual(at.arrived, [])


class Sockets(Fluent):
    def test_a_socket(self):
        at = FluentReceiver(self, path=f"{self.scratch()}/a b.sock")
        self.assertEqual(self.told(at.url.replace(" ", "%20"), *records(100)), "out 100")
        self.assertEqual(at.arrived, list(range(100)))

    def test_no_socket(self):
        path = f"{self.scratch()}/none"
        self.assertRegex(self.told(f"fluent+unix://{path}", *records(1)), f"^out 0: connecting to {path}: ")


# ---- FireLens ------------------------------------------------------------------------------------------

TASK = "0123456789abcdef0123456789abcdef"


class FireLens(Fluent):
    def metadata(self, answer):
        server = stand_in.StandIn(self, {"/v4/x": answer})
        return {"ECS_CONTAINER_METADATA_URI_V4": f"{server.url}/v4/x"}

    def container(self):
        arn = f"arn:aws:ecs:eu-west-1:1:task/cluster/{TASK}"
        return stand_in.document({"Name": "audit", "Labels": {"com.amazonaws.ecs.task-arn": arn}})

    def router(self, at):
        return {"FLUENT_HOST": "127.0.0.1", "FLUENT_PORT": str(at.port)}

    def test_found_by_variables_and_tagged_by_metadata(self):
        at = FluentReceiver(self)
        self.assertEqual(self.told("firelens", *records(2), environment={**self.router(at), **self.metadata(self.container())}),
                         "out 2")
        self.assertEqual((at.chunks[0].tag, at.arrived), (f"audit-firelens-{TASK}", [0, 1]))

    def test_tags_without_metadata(self):
        at = FluentReceiver(self)
        for keys, tag in ({}, "proctor-firelens"), ({"tag": "web-firelens-1", "compress": "gzip"}, "web-firelens-1"):
            self.assertEqual(self.told("firelens", *records(1), environment=self.router(at), **keys), "out 1")
            self.assertEqual(at.chunks[-1].tag, tag)

    def test_metadata_that_does_not_tell(self):
        """Is asked again with the next try; a wrong tag would lose the records behind the router."""
        at = FluentReceiver(self)
        for answer in (stand_in.status(500), stand_in.document({}), stand_in.document({"Name": 5}), stand_in.document([]),
                       stand_in.status(200, b"x")):
            environment = {**self.router(at), **self.metadata(answer)}
            self.assertRegex(self.told("firelens", *records(1), environment=environment), "^out 0: the task's metadata")
        self.assertEqual(at.arrived, [])
        answers = {"/v4/x": stand_in.status(503)}
        server = stand_in.StandIn(self, answers)
        process = self.sink("firelens", environment={**self.router(at), "ECS_CONTAINER_METADATA_URI_V4": f"{server.url}/v4/x"})
        self.assertRegex(self.deliver(process, *records(1)), "^out 0: ")
        answers["/v4/x"] = self.container()
        self.assertEqual(self.deliver(process), "out 1")
        self.assertEqual(at.chunks[0].tag, f"audit-firelens-{TASK}")

    def test_no_router(self):
        if os.path.exists("/var/run/fluent.sock"):
            self.skipTest("there is a /var/run/fluent.sock")
        self.assertRegex(self.told("firelens", *records(1)), "^out 0: there is no log router: .*awsfirelens")

    @needs_root
    def test_found_by_its_socket(self):
        at = FluentReceiver(self, path=f"{self.scratch()}/sock")
        mounts = 'mount -t tmpfs none /run && touch /run/fluent.sock && mount --bind "$0" /run/fluent.sock && exec "$@"'
        process = subprocess.Popen(["unshare", "--mount", "sh", "-c", mounts, at.path, PART, "deliver", "firelens"],
                                   stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        self.undo(harness.stop, process)
        self.assertEqual(self.deliver(process, *records(2)), "out 2")
        self.assertEqual((at.chunks[0].tag, at.arrived), ("proctor-firelens", [0, 1]))

    def test_variables_that_are_wrong(self):
        for environment in {"FLUENT_HOST": "a b"}, {"FLUENT_HOST": "127.0.0.1", "FLUENT_PORT": "x"}:
            process = self.sink("firelens", environment=environment)
            process.stdin.close()
            self.assertRegex(process.stderr.read().decode(), "^failed: .*FLUENT_HOST and FLUENT_PORT: ")


# ---- within the agent ----------------------------------------------------------------------------------

@needs_root
class InTheAgent(Fluent):
    """Its shipper has no privilege, few system calls, and files only where Landlock lets it."""

    def assertArrives(self, at, *arguments, **options):
        agent = Agent(self, *arguments, state="memory", **options)
        self.wait_for(lambda: any(record["type"] == "finding" for chunk in at.chunks for record in chunk.records))
        self.assertEqual(agent.stop(), 0)
        self.assertEqual((at.doubles(), at.failed), (0, []))
        return agent

    def test_records_arrive(self):
        at = FluentReceiver(self)
        self.assertArrives(at, to=at.url)
        for chunk in at.chunks:
            for record in chunk.records:
                self.validate_line_of_agent(record)

    def validate_line_of_agent(self, record):
        self.assertRegex(record["record_id"], "^[0-9a-f]{32}$")
        self.assertIn(record["type"], ("finding", "heartbeat", "inventory"))

    def test_compressed_to_a_socket(self):
        at = FluentReceiver(self, path=f"{self.scratch()}/sock")
        self.assertArrives(at, to=f"{at.url}#compress=gzip")

    def test_firelens(self):
        at = FluentReceiver(self)
        self.assertArrives(at, to="firelens", environment={"FLUENT_HOST": "127.0.0.1", "FLUENT_PORT": str(at.port)})
        self.assertEqual({chunk.tag for chunk in at.chunks}, {"proctor-firelens"})

    def test_a_shared_key_in_the_log(self):
        at = FluentReceiver(self, handshake=Handshake("another"))
        agent = Agent(self, state="memory", to="stdout", environment={"PROCTOR_SINK_F_URL": at.url,
                                                                     "PROCTOR_SINK_F_SHARED_KEY": SECRET,
                                                                     "PROCTOR_STOP_TIMEOUT": "1s"})
        agent.wait_for_log("it refuses us: not right")
        agent.stop()
        with open(agent.log_file) as log:
            self.assertNotIn(SECRET, log.read())


# ---- as others read it ---------------------------------------------------------------------------------

class Conformance(Fluent):
    """@fluent-org/logger's server."""

    def server(self, **told):
        process = node.start(self, "fluent_server.js", json.dumps(told))
        port = int(process.stdout.readline())
        return process, port

    def assertArrives(self, process, url, sent, **keys):
        self.assertEqual(self.told(url, *sent, **keys), f"out {len(sent)}")
        for text in sent:
            record = json.loads(text)
            seconds, nanoseconds = self.time_of(record["time"])
            self.assertEqual(json.loads(process.stdout.readline()),
                             [keys.get("tag", "proctor"), seconds, nanoseconds, record])

    @staticmethod
    def time_of(text):
        seconds = int(time.mktime(time.strptime(text[:19] + " UTC", "%Y-%m-%dT%H:%M:%S %Z"))) - time.timezone
        return seconds, int(float("0" + re.search(r"(\.\d+)?Z$", text)[0][:-1]) * 1000 + 0.5) * 10**6

    made = []

    def sent(self):
        """Records as the agent makes them."""
        if not self.made:
            agent = Agent(self, state="memory")
            self.wait_for(lambda: os.path.exists(agent.file) and b'"type":"finding"' in self.read(agent.file))
            agent.stop()
            self.made.extend(self.read(agent.file).splitlines())
        return self.made

    @staticmethod
    def read(path):
        with open(path, "rb") as file:
            return file.read()

    def test_packed_forward(self):
        process, port = self.server()
        self.assertArrives(process, f"fluent://127.0.0.1:{port}", self.sent())

    def test_compressed_packed_forward(self):
        process, port = self.server()
        self.assertArrives(process, f"fluent://127.0.0.1:{port}", self.sent(), compress="gzip", tag="audit.proctor")

    def test_a_shared_key_and_users(self):
        process, port = self.server(security={"serverHostname": "receiver", "sharedKey": SECRET, "authorize": True,
                                              "userDict": {"bob": "pass word"}})
        self.assertArrives(process, f"fluent://bob:pass%20word@127.0.0.1:{port}", self.sent(), shared_key=SECRET)
        self.assertRegex(self.told(f"fluent://bob:x@127.0.0.1:{port}", *records(1), shared_key=SECRET),
                         "refuses us: username/password mismatch")
        self.assertRegex(self.told(f"fluent://bob:x@127.0.0.1:{port}", *records(1), shared_key="x"),
                         "refuses us: shared key mismatch")
        self.assertRegex(self.told(f"fluent://127.0.0.1:{port}", *records(1)), "asks for a shared key")

    @needs("openssl")
    def test_tls(self):
        authority = Authority(self.scratch())
        certificate, key = authority.issue("receiver")
        process, port = self.server(tls={"key": key, "cert": certificate})
        self.assertArrives(process, f"fluent+tls://localhost:{port}", self.sent(), ca_file=authority.certificate)

    def test_a_socket(self):
        path = f"{self.scratch()}/fluent.sock"
        process, _ = self.server(path=path)
        self.assertArrives(process, f"fluent+unix://{path}", self.sent())


if __name__ == "__main__":
    harness.main()
