"""Sinks within the agent's confinement: a shipper without privilege delivers by TLS, with files that lie anywhere, and a
file that it cannot read is told at the start."""

import http.server
import json
import os
import pathlib
import signal
import ssl
import threading

import containers
import harness
import image
from agents import Agent
from harness import Case, needs, needs_root
from measured import ROLES, memory

USER = 64123  # nobody's
MEMORY_MOST = 24 * 1024  # KiB, of all three processes


class Receiver(http.server.ThreadingHTTPServer):
    """Takes records by HTTPS from those who have the token."""
    daemon_threads = True

    def __init__(self, keeper, directory):
        super().__init__(("127.0.0.1", 0), Taker)
        self.token, self.refused, self.lines = "first", 0, []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{directory}/certificate.pem", f"{directory}/key.pem")
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        thread.start()
        keeper.undo(thread.join)
        keeper.undo(self.server_close)
        keeper.undo(self.shutdown)


class Taker(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        known = self.headers["Authorization"] == f"Bearer {self.server.token}"
        if known:
            self.server.lines += body.splitlines()
        else:
            self.server.refused += 1
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class SinkCase(Case):
    """`directory`: has the receiver's certificate; `secrets`: the token."""

    def setUp(self):
        self.directory = self.scratch()
        self.run_command("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                         f"{self.directory}/key.pem", "-out", f"{self.directory}/certificate.pem")
        self.receiver = Receiver(self, self.directory)
        self.secrets = self.scratch()
        self.put_token("first")

    def put_token(self, text):
        """As Kubernetes does: a directory of its own, to which a link is moved, to which the file is a link."""
        os.mkdir(f"{self.secrets}/..{text}")
        pathlib.Path(f"{self.secrets}/..{text}/token").write_text(text + "\n")
        os.symlink(f"..{text}", f"{self.secrets}/..new")
        os.rename(f"{self.secrets}/..new", f"{self.secrets}/..data")
        if not os.path.lexists(f"{self.secrets}/token"):
            os.symlink("..data/token", f"{self.secrets}/token")

    def url(self):
        return f"https://localhost:{self.receiver.server_address[1]}/records"

    def wait_heartbeat(self):
        self.wait_for(lambda: any(b'"heartbeat"' in line for line in self.receiver.lines))


@needs_root
@needs("openssl")
class ConfinedSinks(SinkCase):
    def config(self, token=None, url=None):
        path = f"{self.directory}/proctor.conf"
        pathlib.Path(path).write_text(
            f"[agent]\nuser = {USER}\nstop_timeout = 10m\n[sink.far]\nurl = {url or self.url()}\n"
            f"ca_file = {self.directory}/certificate.pem\ntoken_file = {token or self.secrets + '/token'}\n")
        return path

    def agent(self, **options):
        return Agent(self, "--config", self.config(), **options)

    def assertRefused(self, path, status, *arguments):
        result = self.proctor("agent", "--config", self.config(path), "--state", f"{self.directory}/state", *arguments,
                              status=status)
        self.assertOneLine(result.stderr, "sink 'far': token_file: ", f"the user {USER} cannot read {path}")
        return result.stderr.decode()

    def test_delivers_what_it_has(self):
        agent = self.agent()
        self.wait_heartbeat()
        shipper = agent.status()["confinement"]["shipper"]
        self.assertEqual((shipper["uid"], shipper["capabilities"], shipper["seccomp"], shipper["missing"]),
                         (USER, [], True, [] if shipper["landlock"] else shipper["missing"]))
        self.assertEqual(self.receiver.refused, 0)
        self.assertEqual(agent.status()["restarts"], 0)
        sizes = {role: memory(agent.role(role)) for role in ROLES}
        self.comment(f"PSS with a sink of HTTPS, KiB: {sizes}")
        if not harness.SANITIZED:
            self.assertLess(sum(sizes.values()), MEMORY_MOST)
        self.assertEqual(agent.stop(), 0)

    def test_a_token_that_is_replaced(self):
        agent = self.agent()
        self.wait_heartbeat()
        self.receiver.token = "second"
        self.put_token("second")
        count = len(self.receiver.lines)
        os.kill(agent.role("auditor"), signal.SIGKILL)  # the next one's first look sends a heartbeat, or changes
        self.wait_for(lambda: len(self.receiver.lines) > count)
        self.assertEqual(self.receiver.refused, 1)
        self.assertEqual(agent.stop(), 0)

    def test_settings_that_change_on_the_way(self):
        """What waits for a sink goes where its URL leads from then on, with the secret that is given then; and at
        once, not after `stop_timeout`."""
        self.receiver.token = "nobody's"
        agent = self.agent()
        self.wait_for(lambda: agent.records() and self.receiver.refused)
        other = Receiver(self, self.directory)
        other.token = "second"
        second = f"{self.secrets}/second"
        pathlib.Path(second).write_text("second")
        self.config(second, url=f"https://127.0.0.1:{other.server_address[1]}/")
        os.kill(agent.process.pid, signal.SIGHUP)
        self.wait_for(lambda: other.lines)
        self.assertEqual(agent.stop(), 0)
        came = [json.loads(line)["record_id"] for line in other.lines]
        self.assertEqual(came, [record["record_id"] for record in agent.records()])
        self.assertEqual((len(self.receiver.lines), other.refused), (0, 0))

    def test_a_file_that_cannot_be_read_is_told_at_the_start(self):
        path = f"{self.directory}/closed"
        for what, arguments, status in (("check", ["--check-config"], 2), ("start", [], 3)):
            with self.subTest(what):
                self.assertIn("No such file", self.assertRefused(path, status, *arguments))
        pathlib.Path(path).write_text("first")
        os.chmod(path, 0o600)
        for what, arguments, status in (("check", ["--check-config"], 2), ("start", [], 3)):
            with self.subTest(what):
                told = self.assertRefused(path, status, *arguments)
                self.assertIn("Permission denied; let that user have it", told)
        os.chown(path, USER, USER)
        text = self.proctor("agent", "--config", self.config(path), "--check-config").stdout.decode()
        self.assertIn(path, text)

    def test_settings_that_name_such_a_file_are_not_taken(self):
        agent = self.agent()
        self.wait_for(lambda: self.receiver.lines)
        pids = agent.pids()
        self.config(f"{self.directory}/nothing")
        os.kill(agent.process.pid, signal.SIGHUP)
        agent.wait_for_log("the settings stay as they were")
        self.assertIn(f"the user {USER} cannot read {self.directory}/nothing", agent.log())
        self.assertEqual(agent.pids(), pids)
        self.config()
        os.kill(agent.process.pid, signal.SIGHUP)
        agent.wait_for_log("settings read again")


@containers.needs_containers
@needs("openssl", *image.COMMANDS)
@image.without_sanitizers
class InTheImage(SinkCase):
    def test_delivers_what_it_has(self):
        """From scratch, as another user, on a read-only root."""
        def change(config):
            containers.without_namespace(config, "network")
            config["mounts"] += [containers.bind(source, destination, "ro") for source, destination in (
                (self.directory, "/authority"), (self.secrets, "/secrets"), ("/etc/hosts", "/etc/hosts"))]
            config["process"]["env"] += [f"PROCTOR_SINK_FAR_{key}={value}" for key, value in (
                ("URL", self.url()), ("CA_FILE", "/authority/certificate.pem"), ("TOKEN_FILE", "/secrets/token"))]
        agent = image.Started(self, image.make(self), "agent", "--state", "memory",
                              changes=(image.grant("SYS_PTRACE"), change))
        self.wait_for(lambda: agent.ended() or self.receiver.lines)
        self.assertFalse(agent.ended(), agent.log())
        self.wait_heartbeat()
        self.assertEqual(self.receiver.refused, 0)


if __name__ == "__main__":
    harness.main()
