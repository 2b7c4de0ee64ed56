"""Metrics over HTTP: what Prometheus reads, and what hostile clients get."""

import http.client
import select
import socket
import unittest

import agents
import harness
from harness import Case, needs
from parts import PART


def has_library():
    import ctypes
    try:
        ctypes.CDLL("libmicrohttpd.so.12")
        return True
    except OSError:
        return False


@unittest.skipUnless(has_library(), "not installed: libmicrohttpd")
class Metrics(Case):
    def setUp(self):
        self.port = self.free_port()
        self.server = self.spawn(PART, "metrics", f"127.0.0.1:{self.port}")

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.port), timeout=harness.TIMEOUT)
        self.undo(client.close)
        return client

    def ask(self, method="GET", path="/metrics", **options):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=harness.TIMEOUT)
        self.undo(connection.close)
        connection.request(method, path, **options)
        answer = connection.getresponse()
        return answer, answer.read()

    def read_all(self, client):
        """Up to the end of the connection, however it ends."""
        got = b""
        try:
            while part := client.recv(65536):
                got += part
        except ConnectionError:
            pass
        return got

    def test_what_prometheus_reads(self):
        answer, text = self.ask()
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.getheader("Content-Type").startswith("text/plain; version=0.0.4"))
        self.assertIn(b'proctor_findings{rule="process.root-user",severity="high"} 2\n', text)
        self.assertIn(b'proctor_findings{rule="mount.*\\"\\\\\\n",severity="low"} 1\n', text)
        self.assertIn(b'proctor_collector_duration_seconds{collector="process"} 0.012\n', text)
        self.assertIn(b'proctor_passes_total{kind="partial"} 7\n', text)

    @needs("promtool")
    def test_promtool_finds_nothing(self):
        _, text = self.ask()
        done = self.run_command("promtool", "check", "metrics", input=text)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, b""))

    def test_other_methods_and_paths(self):
        answer, text = self.ask("HEAD")
        self.assertEqual((answer.status, text), (200, b""))
        for method in "POST", "PUT", "DELETE", "OPTIONS", "FLY":
            answer, _ = self.ask(method, body=b"x" * 100)
            self.assertEqual(answer.status, 405, method)
            self.assertEqual(answer.getheader("Allow"), "GET, HEAD")
        for path in "/", "/metrics/", "/../metrics", "/metricsx", "/%2e%2e/%2e%2e/etc/passwd", "//metrics":
            self.assertEqual(self.ask(path=path)[0].status, 404, path)
        self.assertEqual(self.ask(path="/metrics?a=b")[0].status, 200)

    def test_large_requests(self):
        for request in (b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"x" * (1 << 20),
                        b"GET /" + b"x" * (1 << 20), b"x" * (1 << 20), b"\0" * (1 << 20),
                        b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * 100000):
            client = self.connect()
            try:
                client.sendall(request)
            except ConnectionError:
                pass
            got = self.read_all(client)
            self.assertTrue(not got or got.startswith(b"HTTP/1.1 4"), got[:100])
            self.assertEqual(self.ask()[0].status, 200)

    def test_a_large_body_is_not_read(self):
        client = self.connect()
        client.sendall(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        self.assertTrue(self.read_all(client).startswith(b"HTTP/1.1 405"))

    def test_a_client_that_goes_away(self):
        for _ in range(100):
            client = self.connect()
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        self.assertEqual(self.ask()[0].status, 200)

    def test_slow_clients_do_not_keep_others_out(self):
        """More than there is room for, each sending a byte a second: all are ended, and then it answers."""
        clients = [self.connect() for _ in range(20)]
        for client in clients:
            client.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        honest = self.connect()
        honest.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        trickling = set(clients)
        while not select.select([honest], [], [], 1)[0]:
            for client in list(trickling):
                try:
                    client.send(b"x")
                except ConnectionError:
                    trickling.remove(client)
        self.assertTrue(self.read_all(honest).startswith(b"HTTP/1.1 200"))

    def test_one_request_a_connection(self):
        client = self.connect()
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
        self.assertEqual(self.read_all(client).count(b"HTTP/1.1 200"), 1)

    def test_it_ends_with_open_connections(self):
        client = self.connect()
        client.sendall(b"GET /metrics HTTP/1.1\r\n")
        self.server.stdin.close()
        self.assertEqual(self.server.wait(harness.TIMEOUT), 0)


@unittest.skipUnless(has_library(), "not installed: libmicrohttpd")
class Running(Case):
    @harness.needs_root
    @needs("promtool")
    def test_of_a_running_agent(self):
        port = self.free_port()
        agent = agents.Agent(self, environment={"PROCTOR_METRICS": f"127.0.0.1:{port}"})
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=harness.TIMEOUT)
        self.undo(connection.close)

        def metrics():
            connection.request("GET", "/metrics")
            return connection.getresponse().read()
        self.wait_for(lambda: b'proctor_coverage_seen{collector="process"}' in metrics())
        text = metrics()
        done = self.run_command("promtool", "check", "metrics", input=text)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, b""))
        self.assertIn(b'proctor_findings{rule="', text)
        self.assertIn(b'proctor_sink_queue_records{sink="%b"}' % agent.sink.encode(), text)


@unittest.skipUnless(has_library(), "not installed: libmicrohttpd")
class Addresses(Case):
    def test_ipv6(self):
        try:
            port = self.free_port("::1")
        except OSError:
            self.skipTest("no IPv6 here")
        self.spawn(PART, "metrics", f"[::1]:{port}")
        connection = http.client.HTTPConnection("::1", port, timeout=harness.TIMEOUT)
        connection.request("GET", "/metrics")
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()

    def test_an_address_that_is_taken(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            done = self.run_command(PART, "metrics", address)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"failed: serving metrics: listening at {address}: Address already in use".encode(),
                      done.stderr)

    def test_addresses_that_are_none(self):
        for address in "", "localhost:1", "127.0.0.1", "127.0.0.1:x", "[::1]", "256.0.0.1:1", "[::1]:0", ":1":
            done = self.run_command(PART, "metrics", address)
            self.assertIn(b"is not ADDRESS:PORT", done.stderr, address)


if __name__ == "__main__":
    harness.main()
