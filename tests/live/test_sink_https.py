"""The sink https: what it sends, what it makes of answers good and bad, and whom it trusts."""

import base64
import email.utils
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import socket
import ssl
import subprocess
import tempfile
import termios
import threading
import time
import urllib.parse
import warnings

import harness
import receiver
from agents import Agent
from certificates import Authority, openssl
from harness import needs, needs_root
from parts import PART
from receiver import Receiver, answer
from test_sinks import Sink

SECRET = "hunter2-is-secret"


def records(count, start=0, size=20):
    return [b'{"record_id":%d,"x":"%s"}' % (n, b"x" * size) for n in range(start, start + count)]


class Https(Sink):
    """`sink` starts one whose keys come by the variable, where secrets may stand."""

    def sink(self, url, stop=None, environment=None, terminal=None, **keys):
        pairs = "&".join(f"{key}={urllib.parse.quote(str(value), safe='/')}" for key, value in keys.items())
        variables = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        variables.update(environment or {}, PROCTOR_TO=f"{url}#{pairs}" if pairs else url)
        own = {"start_new_session": True, "preexec_fn": lambda: fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)}
        return self.start("", stop=stop, env=variables, **(own if terminal is not None else {}))

    def told(self, url, *sent, **keys):
        """What a sink of its own says of a batch."""
        process = self.sink(url, **keys)
        said = self.deliver(process, *sent)
        harness.stop(process)
        return said

    def refused_options(self, url, **keys):
        process = self.sink(url, **keys)
        process.stdin.close()
        said = process.stderr.read().decode()
        self.assertNotIn(SECRET, said)
        return said


class Bodies(Https):
    def test_lines(self):
        at = Receiver(self)
        self.assertEqual(self.told(at.url + "?a=1", *records(3)), "out 3")
        request, = at.requests
        self.assertEqual((request.method, request.path), ("POST", "/records?a=1"))
        self.assertEqual(request.headers["content-type"], "application/x-ndjson")
        self.assertRegex(request.headers["user-agent"], r"^proctor/\d")
        self.assertEqual(request.body, b"".join(record + b"\n" for record in records(3)))
        self.assertFalse({"authorization", "expect", "content-encoding"} & set(request.headers))
        self.assertEqual(request.headers["accept-encoding"], "identity")

    def test_an_array(self):
        at = Receiver(self)
        for count in 1, 3:
            self.assertEqual(self.told(at.url, *records(count), format="array"), f"out {count}")
            self.assertEqual(at.requests[-1].headers["content-type"], "application/json")
            self.assertEqual(len(json.loads(at.requests[-1].body)), count)

    def test_compressed(self):
        at = Receiver(self)
        sink = self.sink(at.url, compress="gzip")
        for start in 0, 100:
            self.assertEqual(self.deliver(sink, *records(100, start)), "out 100")
        self.assertEqual(at.arrived, list(range(200)))
        self.assertEqual(at.requests[0].headers["content-encoding"], "gzip")
        self.assertLess(len(at.requests[0].raw), len(at.requests[0].body) / 4)

    def test_headers(self):
        at = Receiver(self)
        self.assertEqual(self.told(at.url, *records(1), headers="X-Scope-OrgID=a, Content-Type=text/plain,X=a%2Cb=c"),
                         "out 1")
        told = at.requests[0].headers
        self.assertEqual([told["x-scope-orgid"], told["content-type"], told["x"]], ["a", "text/plain", "a,b=c"])

    def test_who_we_are(self):
        at = Receiver(self)
        self.assertEqual(self.told(at.url, *records(1), token=SECRET), "out 1")
        self.assertEqual(self.told(at.url.replace("://", "://us%3Ar:p%40ss@"), *records(1)), "out 1")
        self.assertEqual(self.told(at.url, *records(1), headers="Authorization=Splunk x"), "out 1")
        self.assertEqual([request.headers["authorization"] for request in at.requests],
                         [f"Bearer {SECRET}", "Basic dXM6cjpwQHNz", "Splunk x"])

    def test_keys_that_are_wrong(self):
        url = "https://localhost:1/"
        for keys, words in (
                ({"headers": SECRET}, "number 1 is not NAME=VALUE"),
                ({"headers": f"A=1,{SECRET},B=2"}, "number 2 is not NAME=VALUE"),
                ({"headers": f"A B={SECRET}"}, "number 1 is not NAME=VALUE"),
                ({"headers": f"A={SECRET}%0D%0AB: 1"}, "A is empty or has control characters"),
                ({"headers": "A="}, "A is empty"),
                ({"headers": f"A={SECRET}%"}, "headers: A: "),
                ({"headers": f"A=1,a={SECRET}"}, "a stands there twice"),
                ({"headers": "content-length=1"}, "content-length is set by Proctor itself"),
                ({"headers": ",".join(f"A{n}=1" for n in range(33))}, "more than 32"),
                ({"token": f"{SECRET} {SECRET}"}, "a space or a control character"),
                ({"token": SECRET, "token_file": "/x"}, "only one can be given"),
                ({"token": SECRET, "headers": "authorization=x"}, "only one can be given"),
                ({"certificate_file": "/x"}, "go together"),
                ({"ca_file": "x"}, "not an absolute path"),
                ({"token_file": SECRET}, "token_file is not an absolute path"),
                ({"shared_key": SECRET}, "has no key 'shared_key'")):
            with self.subTest(keys):
                self.assertIn(words, self.refused_options(url, **keys))
        for url, words in (
                (f"http://receiver.example/{SECRET}", "goes in clear"),
                (f"https://:{SECRET}@/", "URL"),
                (f"https://user:{SECRET}@host:99999/", "URL"),
                (f"https://{SECRET}@host/#token=x", "only one can be given")):
            with self.subTest(url):
                self.assertIn(words, self.refused_options(url))


class Answers(Https):
    def test_each_status(self):
        """What is out, refused or for later, and what the user is told to do."""
        for status, words in (
                (200, "out 1"), (202, "out 1"), (204, "out 1"), (299, "out 1"),
                (400, "out 0 refused 1 (400 why)"), (413, "out 0 refused 1 (413 why)"),
                (422, "out 0 refused 1 (422 why)"),
                (301, "out 0: 127.0.0.1:PORT answers 301 why; redirects are not followed"),
                (401, "out 0: 127.0.0.1:PORT answers 401 why; check the token"),
                (403, "out 0: 127.0.0.1:PORT answers 403 why; check what"),
                (404, "out 0: 127.0.0.1:PORT answers 404 why; check the path"),
                (408, "out 0: 127.0.0.1:PORT answers 408 why"),
                (415, "out 0: 127.0.0.1:PORT answers 415 why; check format"),
                (425, "out 0: 127.0.0.1:PORT answers 425 why"),
                (500, "out 0: 127.0.0.1:PORT answers 500 why"),
                (503, "out 0: 127.0.0.1:PORT answers 503 why"),
                (999, "out 0: 127.0.0.1:PORT answers 999 why")):
            with self.subTest(status):
                at = Receiver(self, otherwise=answer(status, b"" if status == 204 else b"\n <b>why</b> \nmore"))
                said = self.told(at.url, *records(1))
                self.assertTrue(said.startswith(words.replace("PORT", str(at.port))), said)
                self.assertEqual(said.count("why"), status > 299)

    def test_redirects_lead_nowhere(self):
        other = Receiver(self)
        at = Receiver(self, otherwise=answer(307, headers={"Location": other.url}))
        self.assertRegex(self.told(at.url, *records(1), token=SECRET), "^out 0: .* 307; redirects are not followed")
        self.assertEqual(other.requests, [])

    def test_one_connection(self):
        at = Receiver(self)
        sink = self.sink(at.url)
        for start in range(0, 50, 10):
            self.assertEqual(self.deliver(sink, *records(10, start)), "out 10")
        self.assertEqual(at.arrived, list(range(50)))
        self.assertEqual(at.connections, 1)

    def test_asks_to_wait(self):
        date = email.utils.formatdate(time.time() + 3600, usegmt=True)
        for told, least, most in (("7", 7, 7), (date, 3000, 3600), ("99999999999", 86400, 86400), ("0", 0, 0),
                                  ("-5", 0, 0), ("soon", 0, 0), ("", 0, 0),
                                  ("Thu, 01 Jan 1970 00:00:00 GMT", 0, 0), ("9" * 400, 0, 86400)):
            for status in 429, 503:
                with self.subTest(told=told, status=status):
                    at = Receiver(self, otherwise=answer(status, headers={"Retry-After": told}))
                    said = self.told(at.url, *records(1))
                    wait = re.match(rf"out 0(?: wait (\d+))?: 127.0.0.1:{at.port} answers {status}$", said)
                    self.assertTrue(wait, said)
                    self.assertTrue(least <= int(wait[1] or 0) <= most, said)

    def test_later_then_all(self):
        at = Receiver(self, script=[answer(500), receiver.too_many(1), answer(503)])
        sink = self.sink(at.url)
        self.assertRegex(self.deliver(sink, *records(5)), "^out 0: ")
        self.assertRegex(self.deliver(sink), "^out 0 wait 1: ")
        self.assertRegex(self.deliver(sink), "^out 0: ")
        self.assertEqual(self.deliver(sink), "out 5")
        self.assertEqual(at.arrived, list(range(5)))

    def test_one_record_is_wrong(self):
        """It is found, and alone is refused: those before it are out, those behind it come after."""
        for status in 400, 422:
            for bad in 0, 1, 37, 98, 99:
                with self.subTest(status=status, bad=bad):
                    at = Receiver(self, otherwise=receiver.refuse(bad, status=status))
                    sink = self.sink(at.url)
                    self.assertEqual(self.deliver(sink, *records(100)),
                                     f"out {bad} refused 1 ({status} a record is wrong)")
                    if bad < 99:
                        self.assertEqual(self.deliver(sink), f"out {99 - bad}")
                    self.assertEqual(at.arrived, [n for n in range(100) if n != bad])
                    self.assertLess(len(at.requests), 30)

    def test_all_records_are_wrong(self):
        at = Receiver(self, otherwise=answer(400))
        sink = self.sink(at.url)
        self.assertEqual(self.deliver(sink, *records(16)), "out 0 refused 1 (400)")
        for _ in range(15):
            self.assertEqual(self.deliver(sink), "out 0 refused 1 (400)")
        self.assertEqual(at.arrived, [])
        self.assertLess(len(at.requests), 16 + 5)

    def test_everything_is_refused(self):
        """By a proxy, perhaps, which looks at no record: after some the next wait ever longer, and so stay in the
        queue, until something is taken."""
        for status in 400, 413:
            with self.subTest(status):
                at = Receiver(self, otherwise=answer(status, b"{}"))
                sink = self.sink(at.url)
                self.deliver(sink, *records(50))
                for _ in range(15):
                    self.assertEqual(self.deliver(sink), f"out 0 refused 1 ({status} {{}})")
                for wait in 1, 2, 4:
                    self.assertRegex(self.deliver(sink), rf"^out 0 refused 1 \({status} {{}}\) wait {wait}: "
                                     f"127.0.0.1:{at.port} refuses one record after the other, the last with status "
                                     f"{status}; check that the URL leads to whom they are for")
                at.otherwise = receiver.refuse(30)
                self.assertEqual(self.deliver(sink), "out 11 refused 1 (400 a record is wrong)")
                self.assertEqual(self.deliver(sink), "out 19")
                self.assertEqual(at.arrived, [*range(19, 30), *range(31, 50)])

    def test_too_large(self):
        """Halves, until it fits; the size is remembered."""
        at = Receiver(self, otherwise=receiver.too_large(3000))
        sink = self.sink(at.url)
        for start in range(0, 2000, 200):
            self.assertEqual(self.deliver(sink, *records(200, start)), "out 200")
        self.assertEqual(at.arrived, list(range(2000)))
        refused = [request for request in at.requests if request.body is None]
        self.assertLess(len(refused), 8)
        self.assertLess(len(at.requests), 120)

    def test_one_record_is_too_large(self):
        at = Receiver(self, otherwise=receiver.too_large(3000))
        sink = self.sink(at.url)
        sent = records(10) + records(1, 10, size=5000) + records(10, 11)
        self.assertEqual(self.deliver(sink, *sent), "out 10 refused 1 (413 too large)")
        self.assertEqual(self.deliver(sink), "out 10")
        self.assertEqual(at.arrived, [n for n in range(21) if n != 10])

    def test_a_reason_is_made_safe(self):
        for body, words in ((b"\x1b[31m\xff" + "\u202e\u00e4".encode(), r"400 \x1b[31m\xff\xe2\x80\xaeä"),
                            (b"<html><head><title>400 Bad</title></head>\r\n<body>more", "400 Bad"),
                            (b"<" * 5000, "400 " + "<" * 251), (b"\0\0", r"400 \x00\x00"), (b"\n\n \t\n", "400")):
            with self.subTest(body):
                at = Receiver(self, otherwise=answer(400, body))
                self.assertEqual(self.told(at.url, *records(1)), f"out 0 refused 1 ({words})")

    def test_secrets_that_are_repeated(self):
        at = Receiver(self, otherwise=answer(400, f"no {SECRET}! {SECRET}".encode()))
        file = pathlib.Path(self.scratch()) / "token"
        file.write_text(SECRET)
        for keys in {"token": SECRET}, {"token_file": file}, {"headers": f"X={SECRET}"}, \
                {"headers": f"Authorization=Splunk {SECRET}"}:
            self.assertEqual(self.told(at.url, *records(1), **keys), "out 0 refused 1 (400 no ***! ***)")
        for url in at.url.replace("://", f"://u:{SECRET}@"), at.url.replace("://", f"://{SECRET}@"), \
                f"{at.url}?a=1&key={SECRET}", f"{at.url}?key={SECRET}&b", f"{at.url}?key={SECRET.replace('-', '%2D')}":
            self.assertEqual(self.told(url, *records(1)), "out 0 refused 1 (400 no ***! ***)")

    def test_requests_that_are_repeated(self):
        """As servers do that are to help whoever looks for a mistake: all that they got, in one line."""
        def repeat(exchange):
            exchange.read()
            exchange.answer(400, json.dumps([exchange.request.path, exchange.request.headers]).encode())

        at = Receiver(self, otherwise=repeat)
        for url, keys, secret in ((at.url.replace("://", "://user:pass-word@"), {}, "dXNlcjpwYXNzLXdvcmQ="),
                                  (at.url.replace("://", f"://{SECRET}@"), {}, base64.b64encode(f"{SECRET}:".encode()).decode()),
                                  (f"{at.url}?api=%2F{SECRET}", {}, SECRET), (at.url, {"token": SECRET}, SECRET)):
            with self.subTest(url):
                said = self.told(url, *records(1), **keys)
                self.assertRegex(said, r"^out 0 refused 1 \(400 .*/records.*\*\*\*")
                self.assertNotIn(secret, said)


class Tokens(Https):
    def setUp(self):
        self.file = pathlib.Path(self.scratch()) / "token"

    @staticmethod
    def wants(token):
        def behave(exchange):
            exchange.read()
            exchange.answer(200 if exchange.request.headers.get("authorization") == f"Bearer {token}" else 401)
        return behave

    def test_replaced(self):
        """Read anew when it is not taken, and tried again at once."""
        self.file.write_text("  old\n")
        at = Receiver(self, otherwise=self.wants("old"))
        sink = self.sink(at.url, token_file=self.file)
        self.assertEqual(self.deliver(sink, *records(3)), "out 3")
        self.file.write_text("new\nsecond line\n")
        self.assertEqual(self.deliver(sink, *records(3, 3)), "out 3")
        at.otherwise = self.wants("new")
        self.assertEqual(self.deliver(sink, *records(3, 6)), "out 3")
        self.assertEqual([request.headers["authorization"] for request in at.requests],
                         ["Bearer old"] * 3 + ["Bearer new"])
        self.assertEqual(at.arrived, list(range(9)))

    def test_not_replaced(self):
        self.file.write_text("old")
        at = Receiver(self, otherwise=self.wants("new"))
        sink = self.sink(at.url, token_file=self.file)
        self.assertRegex(self.deliver(sink, *records(1)), "^out 0: .* 401; check the token")
        self.assertEqual(len(at.requests), 1)
        self.file.write_text("other")
        self.assertRegex(self.deliver(sink), "^out 0: .* 401; check the token")
        self.file.write_text("new")
        self.assertEqual(self.deliver(sink), "out 1")

    def test_files_that_hold_none(self):
        at = Receiver(self)
        for make, words in (
                (lambda: None, f"^out 0: reading token_file {self.file}: No such file"),
                (lambda: self.file.write_bytes(b""), "has no text in its first line"),
                (lambda: self.file.write_bytes(b" \n token"), "has no text in its first line"),
                (lambda: self.file.write_bytes(b"hunter2\x01"), "control characters"),
                (lambda: self.file.write_bytes(b"x" * 20000), "is longer than 16384 bytes"),
                (self.file.mkdir, "is no regular file"), (lambda: os.mkfifo(self.file), "is no regular file")):
            make()
            said = self.told(at.url, *records(1), token_file=self.file)
            self.assertRegex(said, words)
            self.assertNotIn("hunter2", said)
            if self.file.is_dir():
                self.file.rmdir()
            else:
                self.file.unlink(missing_ok=True)
        self.assertEqual(at.requests, [])


class Faults(Https):
    def again(self, sink, at, count=10):
        """All arrive in the end."""
        said = self.deliver(sink)
        while not re.match(r"out [1-9]\d*$", said):
            said = self.deliver(sink)
        self.assertEqual(at.first_arrivals(), list(range(count)))

    def test_nobody_listens(self):
        at = Receiver(self)
        at.end()
        self.assertRegex(self.told(at.url, *records(1)), f"^out 0: 127.0.0.1:{at.port}: Failed to connect")

    def test_no_such_host(self):
        self.assertRegex(self.told("https://no-such-host.invalid/", *records(1), timeout=20),
                         "^out 0: no-such-host.invalid:443: ")

    def test_connections_that_break(self):
        """Before, in the middle of and after the request, and in the answer: nothing is lost."""
        for name, behave, doubles in (
                ("before the body", receiver.reset(0), 0), ("in the body", receiver.reset(10), 0),
                ("after the body", receiver.reset(), 10), ("without an answer", receiver.hang_up(), 10),
                ("in the answer", receiver.half_answer(), 10), ("no HTTP", receiver.garbage(b"\0" * 100), 10),
                ("a long line", receiver.garbage(b"HTTP/1.1 200 " + b"x" * 200000), 10)):
            with self.subTest(name):
                at = Receiver(self, script=[behave])
                sink = self.sink(at.url)
                self.assertRegex(self.deliver(sink, *records(10)), rf"^out 0: 127.0.0.1:{at.port}: \S")
                self.again(sink, at)
                self.assertEqual(at.doubles(), doubles)

    def test_an_old_connection_that_breaks(self):
        """Curl asks once more over a new one where not a byte of an answer came."""
        for behave in receiver.reset(0), receiver.reset(10), receiver.hang_up(read=False):
            at = Receiver(self, script=[answer(), behave])
            sink = self.sink(at.url)
            self.assertEqual(self.deliver(sink, *records(1, 1000)), "out 1")
            if self.deliver(sink, *records(10)) != "out 10":
                self.assertEqual(self.deliver(sink), "out 10")
            self.assertEqual(sorted(at.first_arrivals()), [*range(10), 1000])

    def test_a_connection_that_ends_between_two(self):
        for behave in answer(close=True), receiver.close_silently():
            at = Receiver(self, otherwise=behave)
            sink = self.sink(at.url)
            out = 0
            while out < 30:
                said = self.deliver(sink, *records(10, out))
                self.assertEqual(said, "out 10")
                out += 10
            self.assertEqual(at.first_arrivals(), list(range(30)))
            self.assertEqual(at.connections, 3)

    def test_no_answer_in_time(self):
        for name, behave, doubles in (("before the body", receiver.hang(read=False), 0),
                                      ("after the body", receiver.hang(), 10), ("too late", receiver.late(), 10),
                                      ("drips", receiver.drip(), 10)):
            with self.subTest(name):
                at = Receiver(self, script=[behave])
                sink = self.sink(at.url, timeout=1)
                said = self.deliver(sink, *records(10))
                self.assertRegex(said, rf"^out 0: 127.0.0.1:{at.port}: Operation timed out after 1\d\d\d milliseconds")
                self.again(sink, at)
                self.assertIn(at.doubles(), (0, doubles))  # none, where it was too slow to read them in that second

    def test_an_answer_that_drips(self):
        """Broken off long before its time; not so one that has not begun, whatever was said before it."""
        hint, thinking, thought = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", threading.Event(), threading.Event()

        def think(exchange):
            exchange.read()
            exchange.send(hint)
            thinking.set()
            thought.wait(harness.TIMEOUT)
            exchange.answer(200)

        self.undo(thought.set)
        thinker = self.sink(Receiver(self, otherwise=think).url, timeout=600)
        self.send(thinker, b'{"record_id":0}')
        self.assertTrue(thinking.wait(harness.TIMEOUT))
        at = Receiver(self, script=[receiver.drip()])
        sink = self.sink(at.url, timeout=600)
        self.assertRegex(self.deliver(sink, *records(10, size=100)), "^out 0: .* Operation too slow")
        self.again(sink, at)
        thought.set()
        self.assertEqual(self.result(thinker), "out 1")

    def test_stop(self):
        """Ends each wait at once: for the connection, an answer, the rest of one."""
        full = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.undo(full.close)
        waiting = [socket.create_connection(full.getsockname()) for _ in range(1)]
        self.undo(waiting[0].close)
        urls = [f"http://127.0.0.1:{full.getsockname()[1]}/"]
        urls += [Receiver(self, otherwise=behave).url for behave in (receiver.hang(), receiver.hang(read=False),
                                                                     receiver.drip())]
        for url in urls:
            stopped, stop = os.pipe()
            sink = self.sink(url, stop=stopped, timeout=600)
            self.send(sink, *records(10))
            time.sleep(0.2)
            os.write(stop, b"x")
            self.assertRegex(self.result(sink), "^out 0: .*: stopped before it answered$")
            os.close(stop), os.close(stopped)

    @needs_root
    @needs("unshare", "mount")
    def test_stop_while_a_name_server_is_silent(self):
        """The resolver would wait for it for two minutes yet."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.77", 53))
            server.settimeout(harness.TIMEOUT)
            file = pathlib.Path(self.scratch()) / "resolv.conf"
            file.write_text("nameserver 127.0.0.77\noptions timeout:30 attempts:4\n")
            for keys, words in ("timeout=1", "Resolving timed out"), ("timeout=600", "stopped before it answered$"):
                stopped, stop = os.pipe()
                began = time.monotonic()
                sink = subprocess.Popen(
                    ["unshare", "--mount", "sh", "-c", f"mount --bind {file} /etc/resolv.conf && exec {PART} "
                     f"deliver 'https://silent.example/#{keys}' {stopped}"],
                    stdin=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[stopped],
                    env=dict(os.environ, **harness.WITHOUT_LEAKS))  # of the thread that still waits
                self.undo(harness.stop, sink)
                self.send(sink, *records(1))
                server.recv(512)
                if keys == "timeout=600":
                    os.write(stop, b"x")
                self.assertRegex(self.result(sink), f"^out 0: silent.example:443: {words}")
                self.assertLess(time.monotonic() - began, 100)
                os.close(stop), os.close(stopped)

    def test_answers_without_end(self):
        """The status of an answer that is too long counts; without end of its headers there is none."""
        for status, words in (200, "out 10"), (500, "out 0: 127.0.0.1:{} answers 500 x"):
            at = Receiver(self, otherwise=receiver.giant(status))
            sink = self.sink(at.url, timeout=60)
            said = self.deliver(sink, *records(10))
            self.assertTrue(said.startswith(words.format(at.port)), said)
            self.assertLess(len(said), 400)
            self.assertLess(self.peak(sink), 64 << 20 if not harness.SANITIZED else 1 << 40)
        at = Receiver(self, otherwise=receiver.giant(headers=True))
        self.assertRegex(self.told(at.url, *records(10), timeout=60),
                         rf"^out 0: 127.0.0.1:{at.port}: (its answer is too long|Too large response headers)")

    @staticmethod
    def peak(process):
        """The most memory it had, in bytes."""
        return int(harness.status(process.pid)["VmHWM"].split()[0]) * 1024

    def test_large_requests_that_break(self):
        """Where a receiver breaks off what is large without a word, less is tried."""
        def behave(exchange):
            small = int(exchange.request.headers["content-length"]) <= 3000
            (answer() if small else receiver.reset(2000))(exchange)
        at = Receiver(self, otherwise=behave)
        sink = self.sink(at.url)
        self.send(sink, *records(500))
        out = 0
        while out < 500:
            told = self.result(sink)
            out += int(told.split()[1].rstrip(":"))
            self.send(sink)
        self.assertEqual(at.first_arrivals(), list(range(500)))
        self.assertLess(len(at.requests), 60)


class Proxies(Https):
    def test_none_for_this_machine(self):
        at, proxy = Receiver(self), Receiver(self, otherwise=answer(500))
        environment = {name: proxy.url for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy")}
        self.assertEqual(self.told(at.url, *records(1), environment=environment), "out 1")
        self.assertEqual(proxy.requests, [])

    def test_for_others(self):
        proxy = Receiver(self, otherwise=answer(407))
        said = self.told("https://receiver.example/", *records(1), token=SECRET, environment={"HTTPS_PROXY": proxy.url})
        self.assertRegex(said, "^out 0: receiver.example:443: .*407")
        self.assertEqual({(request.method, request.path) for request in proxy.requests},
                         {("CONNECT", "receiver.example:443")})
        asked = len(proxy.requests)
        self.assertNotIn("authorization", proxy.requests[0].headers)
        said = self.told("https://no-such.invalid/", *records(1), environment={
            "HTTPS_PROXY": proxy.url, "NO_PROXY": "no-such.invalid"}, timeout=20)
        self.assertEqual(len(proxy.requests), asked, said)

    def test_that_are_wrong(self):
        """Their password is not told."""
        for url in (f"http://user:{SECRET}@proxy.example:1x", f"user:{SECRET}@[::", f"odd://user:{SECRET}@proxy.example"):
            with self.subTest(url):
                said = self.told("https://receiver.example/", *records(1), environment={"HTTPS_PROXY": url})
                self.assertRegex(said, "^out 0: receiver.example:443: .*; check the proxy that the environment gives$")
                self.assertNotIn(SECRET, said)


@needs("openssl")
class Tls(Https):
    @classmethod
    def setUpClass(cls):
        cls.directory = harness.ClassKeeper(cls).scratch()
        cls.authority, cls.other = Authority(cls.directory), Authority(cls.directory, "other")
        cls.server, cls.client = cls.authority.issue("server"), cls.authority.issue("client")
        cls.strange = cls.other.issue("strange")

    def trusted(self, **options):
        """A receiver that shows the right certificate."""
        return Receiver(self, tls=self.server, **options)

    def test_trusted(self):
        at = self.trusted()
        sink = self.sink(at.url, ca_file=self.authority.certificate)
        for start in 0, 10:
            self.assertEqual(self.deliver(sink, *records(10, start)), "out 10")
        self.assertEqual((at.arrived, at.connections), (list(range(20)), 1))
        self.assertEqual(self.told(at.url.replace("localhost", "[::ffff:127.0.0.1]"), *records(1),
                                   ca_file=self.authority.certificate)[:6], "out 0:")

    def test_trusted_behind_a_proxy(self):
        """Which is no party to it: its tunnel ends at whoever has the certificate."""
        far = self.authority.issue("far", ["DNS:receiver.example"])

        def tunnel(exchange):
            if exchange.request.method != "CONNECT":
                return answer()(exchange)
            exchange.send(b"HTTP/1.1 200 Go on\r\n\r\n")
            exchange.connection.wrap(exchange.receiver.make_context(far, None, None))
            exchange.request.raw = b""
            return None

        proxy = Receiver(self, otherwise=tunnel)
        for ca_file, words in (self.authority.certificate, "^out 3$"), (self.other.certificate, "^out 0: .*certificate"):
            self.assertRegex(self.told("https://receiver.example/", *records(3), ca_file=ca_file, token=SECRET,
                                       environment={"HTTPS_PROXY": proxy.url}), words)
        self.assertEqual({(request.method, request.headers.get("authorization")) for request in proxy.requests},
                         {("CONNECT", None), ("POST", f"Bearer {SECRET}")})

    def test_not_trusted(self):
        """Nothing is sent, and what is wrong is said."""
        mine, theirs = self.authority.certificate, self.other.certificate
        for name, tls, ca_file, words in (
                ("expired", self.authority.issue("expired", days=-1), mine, "certificate has expired"),
                ("wrong host", self.authority.issue("elsewhere", ["DNS:receiver.example"]), mine, "localhost"),
                ("wrong authority", self.server, theirs, "SSL certificate problem"),
                ("the system's authorities", self.server, None, "SSL certificate problem"),
                ("signed by itself", (theirs, self.other.key), mine, "SSL certificate problem")):
            with self.subTest(name):
                at = Receiver(self, tls=tls)
                said = self.told(at.url, *records(1), token=SECRET, **({"ca_file": ca_file} if ca_file else {}))
                self.assertRegex(said, rf"^out 0: localhost:{at.port}: .*{words}.*; the certificate has to be valid")
                self.assertEqual(at.requests, [])

    def test_old_versions(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            at = self.trusted(version=ssl.TLSVersion.TLSv1_1)
        self.assertRegex(self.told(at.url, *records(1), ca_file=self.authority.certificate), "^out 0: localhost:.*SSL")
        self.assertEqual(at.requests, [])

    def test_client_certificates(self):
        at = self.trusted(clients=self.authority.certificate)
        keys = {"ca_file": self.authority.certificate}
        self.assertRegex(self.told(at.url, *records(1), **keys), "^out 0: localhost:")
        self.assertRegex(self.told(at.url, *records(1), certificate_file=self.strange[0], key_file=self.strange[1],
                                   **keys), "^out 0: localhost:")
        self.assertEqual(at.requests, [])
        self.assertEqual(self.told(at.url, *records(1), certificate_file=self.client[0], key_file=self.client[1],
                                   **keys), "out 1")

    def test_files_that_are_wrong(self):
        at = self.trusted()
        nothing, garbage = f"{self.directory}/nothing", f"{self.directory}/garbage"
        pathlib.Path(garbage).write_text("no PEM")
        right = {"ca_file": self.authority.certificate, "certificate_file": self.client[0], "key_file": self.client[1]}
        for key in right:
            said = self.told(at.url, *records(1), **dict(right, **{key: nothing}))
            self.assertEqual(said, f"out 0: reading {key} {nothing}: No such file or directory; "
                                   "the agent's user has to be able to read it")
            said = self.told(at.url, *records(1), **dict(right, **{key: garbage}))
            self.assertRegex(said, f"^out 0: localhost:{at.port}: .*; .* PEM")
        said = self.told(at.url, *records(1), **dict(right, key_file=self.strange[1]))
        self.assertRegex(said, "^out 0: .*; certificate_file and key_file have to hold a certificate in PEM and its key")
        self.assertEqual(at.requests, [])

    def test_files_that_nobody_writes(self):
        """A pipe, which is not waited for."""
        at = self.trusted(clients=self.authority.certificate)
        pipe = f"{self.directory}/pipe"
        os.mkfifo(pipe)
        right = {"ca_file": self.authority.certificate, "certificate_file": self.client[0], "key_file": self.client[1]}
        for key in right:
            self.assertEqual(self.told(at.url, *records(1), **dict(right, **{key: pipe})),
                             f"out 0: {key} {pipe} is no regular file")

    def test_a_key_with_a_password(self):
        """It is asked for nowhere, not even at a terminal."""
        at = self.trusted(clients=self.authority.certificate)
        key = f"{self.directory}/locked.key"
        openssl("pkey", "-in", self.client[1], "-aes256", "-passout", f"pass:{SECRET}", "-out", key)
        leader, follower = pty.openpty()
        self.undo(os.close, leader)
        self.undo(os.close, follower)
        sink = self.sink(at.url, terminal=follower, ca_file=self.authority.certificate,
                         certificate_file=self.client[0], key_file=key)
        self.assertRegex(self.deliver(sink, *records(1)), "^out 0: .* a certificate in PEM and its key, without a password$")
        self.assertEqual(select.select([leader], [], [], 0)[0], [])

    def test_files_that_are_replaced(self):
        """What was wrong is right at the next try, without a new start."""
        at = self.trusted(clients=self.authority.certificate)
        keys = {name: f"{self.directory}/replaced-{name}" for name in ("ca_file", "certificate_file", "key_file")}
        for path, source in zip(keys.values(), (self.other.certificate, *self.strange)):
            shutil.copy(source, path)
        sink = self.sink(at.url, **keys)
        self.assertRegex(self.deliver(sink, *records(1)), "^out 0: ")
        shutil.copy(self.authority.certificate, keys["ca_file"])
        self.assertRegex(self.deliver(sink), "^out 0: ")
        for path, source in zip(list(keys.values())[1:], self.client):
            shutil.copy(source, path)
        self.assertEqual(self.deliver(sink), "out 1")

    @needs_root
    def test_in_the_agent(self):
        """Behind its filter and without rights: findings arrive, and are gone from the queue."""
        at = self.trusted()
        directory = tempfile.mkdtemp(prefix="proctor-live-", dir="/run")
        self.undo(harness.remove_tree, directory)
        os.chmod(directory, 0o755)
        shutil.copy(self.authority.certificate, directory)
        agent = Agent(self, to=f"{at.url}#compress=gzip&ca_file={directory}/authority.crt")
        self.wait_for(lambda: at.arrived)
        self.wait_for(lambda: agent.status()["queue"][0]["waiting"] == 0)
        self.assertEqual(agent.stop(), 0)
        self.assertEqual(at.doubles(), 0)
        for request in at.requests:
            for line in request.body.splitlines():
                self.assertIn("record_id", json.loads(line))


@needs("nginx", "openssl")
class Nginx(Https):
    """nginx with TLS, HTTP/2, certificates of clients and a limit, before a receiver of our own."""
    SETTINGS = """
        daemon off; master_process off; user root; error_log {directory}/error.log; pid {directory}/pid;
        worker_processes 1; events {{ worker_connections 64; }}
        http {{
            access_log off; client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
            fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
            log_format seen '$server_protocol $ssl_protocol $ssl_client_s_dn $http_content_encoding $status $connection';
            limit_req_zone $server_name zone=slow:1m rate=1r/m; limit_req_status 429;
            server {{
                listen 127.0.0.1:{port} ssl http2; server_name localhost; access_log {directory}/access.log seen;
                ssl_certificate {server[0]}; ssl_certificate_key {server[1]};
                ssl_client_certificate {authority}; ssl_verify_client on; {settings}
                client_max_body_size 8k; keepalive_requests 3;
                location /records {{ proxy_pass http://127.0.0.1:{upstream}; }}
                location /limited {{ limit_req zone=slow; proxy_pass http://127.0.0.1:{upstream}; }}
            }}
        }}
    """

    def setUp(self):
        self.directory = self.scratch()
        self.authority = Authority(self.directory)
        self.server, self.client = self.authority.issue("server"), self.authority.issue("client")
        self.keys = {"ca_file": self.authority.certificate, "certificate_file": self.client[0],
                     "key_file": self.client[1]}
        self.at = Receiver(self)
        self.port = self.free_port()
        self.url = f"https://localhost:{self.port}/records"
        self.nginx = None

    def begin(self, settings="ssl_protocols TLSv1.2 TLSv1.3;"):
        config = f"{self.directory}/nginx.conf"
        with open(config, "w") as file:
            file.write(self.SETTINGS.format(directory=self.directory, port=self.port, server=self.server,
                                            authority=self.authority.certificate, upstream=self.at.port,
                                            settings=settings))
        self.nginx = subprocess.Popen([harness.find_command("nginx"), "-c", config], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.undo(harness.end_daemon, self.nginx)
        self.wait_for(self.listens)

    def listens(self):
        self.assertIsNone(self.nginx.poll(), "nginx ended")
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
            return True
        except OSError:
            return False

    def seen(self):
        """Of each request: protocol, version of TLS, the client's name, encoding, status, connection. It is logged after
        it was answered."""
        log = pathlib.Path(f"{self.directory}/access.log")
        self.wait_for(lambda: log.read_text().count("\n") >= len(self.at.requests))
        return [line.split() for line in log.read_text().splitlines()]

    def test_delivered(self):
        """By HTTP/2, with our certificate, compressed; nginx ends the connection after each third request."""
        self.begin()
        sink = self.sink(self.url, compress="gzip", **self.keys)
        for start in range(0, 500, 50):
            self.assertEqual(self.deliver(sink, *records(50, start)), "out 50")
        self.assertEqual(self.at.arrived, list(range(500)))
        seen = self.seen()
        self.assertEqual({tuple(line[:5]) for line in seen}, {("HTTP/2.0", "TLSv1.3", "CN=client", "gzip", "200")})
        self.assertLessEqual(len({line[5] for line in seen}), 4)

    def test_too_large(self):
        """Its 413 of client_max_body_size."""
        self.begin()
        sink = self.sink(self.url, **self.keys)
        sent = records(1000) + records(1, 1000, size=9000) + records(10, 1001)
        self.assertEqual(self.deliver(sink, *sent), "out 1000 refused 1 (413 Request Entity Too Large)")
        self.assertEqual(self.deliver(sink), "out 10")
        self.assertEqual(self.at.arrived, [n for n in range(1011) if n != 1000])

    def test_certificates_that_it_does_not_take(self):
        """Its 400 is no word about a record: none is lost by it."""
        self.begin()
        none = {"ca_file": self.authority.certificate}
        strange = Authority(self.directory, "other").issue("strange")
        for keys, words in ((none, "No required SSL certificate was sent; give certificate_file"),
                            (dict(none, certificate_file=strange[0], key_file=strange[1]),
                             "The SSL certificate error; it does not take")):
            self.assertRegex(self.told(self.url, *records(3), **keys), f"^out 0: localhost:{self.port} answers 400 {words}")
        self.assertRegex(self.told(self.url.replace("https", "http"), *records(3)),
                         "^out 0: .* 400 The plain HTTP request was sent to HTTPS port; use https")
        self.assertEqual(self.at.arrived, [])

    def test_limits_of_requests(self):
        self.begin()
        sink = self.sink(self.url.replace("records", "limited"), **self.keys)
        self.assertEqual(self.deliver(sink, *records(1)), "out 1")
        self.assertRegex(self.deliver(sink, *records(1, 1)), "^out 0: .* answers 429 Too Many Requests$")

    def test_ends_and_comes_back(self):
        self.begin()
        sink = self.sink(self.url, **self.keys)
        self.assertEqual(self.deliver(sink, *records(5)), "out 5")
        harness.end_daemon(self.nginx)
        self.assertRegex(self.deliver(sink, *records(5, 5)), f"^out 0: localhost:{self.port}: ")
        self.begin()
        self.assertEqual(self.deliver(sink), "out 5")
        self.at.end()
        self.assertRegex(self.deliver(sink, *records(5, 10)), "^out 0: .* answers 502 Bad Gateway$")
        self.assertEqual(self.at.arrived, list(range(10)))

    def test_only_http_1(self):
        self.SETTINGS = self.SETTINGS.replace(" http2;", ";")
        self.begin("ssl_protocols TLSv1.2;")
        self.assertEqual(self.told(self.url, *records(5), **self.keys), "out 5")
        self.wait_for(self.seen)  # it logs after it has answered
        self.assertEqual(self.seen()[0][:2], ["HTTP/1.1", "TLSv1.2"])


if __name__ == "__main__":
    harness.main()
