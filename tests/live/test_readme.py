"""README.md, "Send it somewhere": its configurations are fed to Proctor and to the daemons of syslog, and its commands
run, as they stand there. What they name is made true: this program gets a network of its own, in which all names that end in
.example are loopback, and directories of its own, with certificates, keys and tokens in the places that are named."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import files
import harness
import node
import stand_in
import syslog_daemons
from certificates import Authority
from fluent_receiver import FluentReceiver, Handshake
from harness import Case
from receiver import Receiver, answer
from test_sink_otlp import ids as ids_of_otlp

SECTION = (harness.SOURCE / "README.md").read_text().partition("## Send it somewhere\n")[2].partition("\n## ")[0]
PLACES = ("/etc", "/var", "/run")  # in which files are named
AUTHORITIES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")  # of Debian, of Fedora
TOKEN, SHARED_KEY = "token-of-logs", "key-of-fluent"
ABSENT = "receiver.example"  # until a test has it
ROUTER = 24225  # where ECS says that FireLens listens


def server():
    """The certificate and key of receivers of the README's own authority."""
    return "/etc/rsyslog.d/server.pem", "/etc/rsyslog.d/server.key"


def public_server():
    """Those of one whose authority the machine trusts."""
    return "/etc/public/server.pem", "/etc/public/server.key"


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)


def put(path, text):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# ---- the machine that the README tells of --------------------------------------------------------------

def setUpModule():
    """For the rest of this program. npm's packages come from the network, so they are fetched before."""
    if not harness.is_root():
        raise unittest.SkipTest("needs root")
    if not harness.find_command("openssl"):
        raise unittest.SkipTest("not installed: openssl")
    node.modules = node.modules or node.Modules()
    files.own_mounts()
    stand_in.enter_own_network()
    scratch = tempfile.mkdtemp(prefix="proctor-live-")
    harness.Undo(harness.remove_tree, scratch)
    for place in PLACES:
        cover(place, scratch)
    put_hosts("localhost", *names())
    make_files(Authority(scratch))
    make_public(Authority(scratch, "public"))


def mount(*words):
    done = subprocess.run(["mount", *words], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        raise unittest.SkipTest(done.stderr.decode().strip())


def cover(place, scratch):
    """What is written there from now on is seen by this program alone, and gone with it."""
    layers = f"{scratch}{place}"
    os.mkdir(layers)
    mount("-t", "tmpfs", "tmpfs", layers)
    for name in ("upper", "work"):
        os.mkdir(f"{layers}/{name}", mode=0o755)
    mount("-t", "overlay", "overlay", "-o", f"lowerdir={place},upperdir={layers}/upper,workdir={layers}/work", place)


def names():
    return sorted(set(re.findall(r"\b[a-z]+\.example\b", SECTION)) - {ABSENT})


def put_hosts(*all_names):
    put("/etc/hosts", "".join(f"127.0.0.1 {name}\n" for name in all_names))


def make_files(authority):
    """Those that are named, each by what its name says that it is. The agent reads them without privilege."""
    certificate, key = authority.issue("server", [f"DNS:{name}" for name in names()])
    agent = authority.issue("agent", ["DNS:agent"])
    sources = {"ca.pem": authority.certificate, "server.pem": certificate, "server.key": key,
               "agent.pem": agent[0], "agent.key": agent[1]}
    secrets = {"logs.token": TOKEN, "fluent.key": SHARED_KEY}
    for path in set(re.findall(r"/etc/[a-z./-]+\.(?:pem|key|token)", SECTION)):
        name = os.path.basename(path)
        put(path, secrets[name] if name in secrets else pathlib.Path(sources[name]).read_text()).chmod(0o644)


def make_public(authority):
    certificate, key = authority.issue("public-server", [f"DNS:{name}" for name in (*names(), ABSENT)])
    for source, path in zip((certificate, key), public_server()):
        put(path, pathlib.Path(source).read_text())
    trusted = next((path for path in AUTHORITIES if os.path.exists(path)), AUTHORITIES[0])
    before = pathlib.Path(trusted).read_text() if os.path.exists(trusted) else ""
    put(trusted, before + pathlib.Path(authority.certificate).read_text())


# ---- what the README shows -----------------------------------------------------------------------------

def sections():
    """The text of each section of the configurations, by the name of its sink."""
    text = "".join(blocks("ini"))
    return dict(re.findall(r"^(?=\[sink\.([a-z]+)\])(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL))


def conversation(number):
    """The commands of a console, each with what it is shown to answer."""
    parts = re.split(r"^[#$] (.*)\n", blocks("console")[number], flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2]))


def shape(text):
    """What is the same on every machine: not numbers, nor the width of columns."""
    return re.sub(r"[0-9]+", "0", re.sub(r"[ -]*\n", "\n", re.sub(r" +", " ", text)))


# ---- who receives --------------------------------------------------------------------------------------

class AsWritten:
    """A daemon of syslog by the README's configuration, in the place that it has."""

    def __init__(self, case):
        self.text, = blocks(self.kind)
        self.case, self.directory, self.path, self.port = case, case.scratch(), None, 6514
        self.output, self.log = pathlib.Path("/var/log/proctor.ndjson"), pathlib.Path(f"{self.directory}/log")
        self.output.unlink(missing_ok=True)
        self.start()

    def configuration(self):
        put(self.place, self.text)
        return self.around

    def ids(self):
        return [record["record_id"] for record in self.received()]


class Rsyslog(AsWritten, syslog_daemons.Rsyslog):
    kind, place = "rsyslog", "/etc/rsyslog.d/proctor.conf"
    around = f'include(file="{place}")\n'


class SyslogNg(AsWritten, syslog_daemons.SyslogNg):
    kind, place = "syslog-ng", "/etc/syslog-ng/conf.d/proctor.conf"
    around = f'@version: 3.35\n@include "{place}"\n'


class Fluent:
    """Others' server where npm gives it, else our own."""

    def __init__(self, case):
        self.output = f"{case.scratch()}/entries"
        tls, port = server(), 24224
        self.ours = None
        if node.modules.reason:
            case.comment(f"by a server of our own: {node.modules.reason}")
            self.ours = FluentReceiver(case, port=port, tls=tls, handshake=Handshake(SHARED_KEY))
        else:
            with open(self.output, "wb") as output:
                node.start(case, "fluent_server.js", json.dumps({
                    "port": port, "tls": {"key": tls[1], "cert": tls[0]},
                    "security": {"serverHostname": "receiver", "sharedKey": SHARED_KEY}}), stdout=output)
            case.wait_for(lambda: os.path.getsize(self.output))

    def ids(self):
        if self.ours:
            return [record["record_id"] for chunk in self.ours.chunks for record in chunk.records]
        return [json.loads(line)[3]["record_id"] for line in pathlib.Path(self.output).read_bytes().split(b"\n")[1:-1]]


# ---- the tests -----------------------------------------------------------------------------------------

class Readme(Case):
    def setUp(self):
        self.output = f"{self.scratch()}/output"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("PROCTOR_")}
        self.environment.update(LC_ALL="C.UTF-8", PATH=f"{os.path.dirname(harness.PROCTOR)}:{os.environ['PATH']}")

    def agent(self, *names):
        """`proctor agent` with these sections of /etc/proctor/proctor.conf, and all that it needs in a task."""
        put("/etc/proctor/proctor.conf", "".join(sections()[name] for name in names))
        shutil.rmtree("/var/lib/proctor", ignore_errors=True)
        variables = {**self.environment, "FLUENT_HOST": "127.0.0.1", "FLUENT_PORT": str(ROUTER),
                     "PROCTOR_PATHS_EXCLUDE": "/[!b]*"}
        if harness.SANITIZED:
            variables.update(harness.WITHOUT_LEAKS)
        with open(self.output, "wb") as output, open(f"{self.output}.log", "wb") as log:
            agent = subprocess.Popen(["proctor", "agent"], stdin=subprocess.DEVNULL, stdout=output, stderr=log,
                                     env=variables, executable=harness.PROCTOR)
        self.undo(harness.end_daemon, agent)
        return agent

    def run_line(self, command):
        """A line of a console, by the shell; what it says."""
        done = self.run_command("sh", "-c", command, env=self.environment, cwd=os.path.dirname(self.output))
        return done.stdout.decode() + done.stderr.decode(), done.returncode

    def ids_in(self, path):
        lines = pathlib.Path(path).read_bytes().split(b"\n")[:-1]
        return [json.loads(line)["record_id"] for line in lines]

    def check(self, agent, receivers):
        """Each has every record that standard output has."""
        self.wait_for(lambda: agent.poll() is not None or len(self.ids_in(self.output)) > 1)
        self.assertIsNone(agent.poll(), pathlib.Path(f"{self.output}.log").read_text())
        for name, ids in receivers.items():
            with self.subTest(name):
                self.wait_for(lambda: set(self.ids_in(self.output)) <= set(ids()))
        agent.terminate()
        self.assertEqual(agent.wait(timeout=harness.TIMEOUT), 0)
        for name, ids in receivers.items():
            self.assertEqual(set(ids()), set(self.ids_in(self.output)), name)


class Receivers(Readme):
    def test_each_section_is_tested(self):
        self.assertEqual(set(sections()), {"logs", "collector", "fluent", "router", "syslog", "file", "output"})
        self.assertEqual([len(blocks(kind)) for kind in ("rsyslog", "syslog-ng", "console")], [1, 1, 2])

    def test_all_but_syslog(self):
        logs = Receiver(self, port=443, tls=public_server())
        collector = Receiver(self, port=4318, tls=server(), parse=ids_of_otlp, otherwise=answer(200, b"{}"))
        fluent, router = Fluent(self), FluentReceiver(self, port=ROUTER)
        agent = self.agent("logs", "collector", "fluent", "router", "file", "output")
        self.check(agent, {
            "HTTPS": lambda: logs.arrived, "OpenTelemetry": lambda: collector.arrived, "Fluent": fluent.ids,
            "FireLens": lambda: [record["record_id"] for chunk in router.chunks for record in chunk.records],
            "file": lambda: self.ids_in("/var/lib/proctor/records.ndjson")})
        for request in logs.requests:
            told = {name: request.headers.get(name) for name in ("authorization", "x-scope-orgid", "content-encoding")}
            self.assertEqual((request.path, told), ("/ingest", {
                "authorization": f"Bearer {TOKEN}", "x-scope-orgid": "security", "content-encoding": "gzip"}))

    def check_syslog(self, daemon):
        reason = syslog_daemons.missing(daemon.kind)
        if reason:
            self.skipTest(reason)
        self.check(self.agent("syslog", "output"), {daemon.kind: daemon(self).ids})

    def test_rsyslog(self):
        self.check_syslog(Rsyslog)

    def test_syslog_ng(self):
        self.check_syslog(SyslogNg)


class Commands(Readme):
    def test_dead_letters(self):
        """A receiver that takes no heartbeats, until it does."""
        def without_heartbeats(exchange):
            exchange.read()
            refused = b'"type":"heartbeat"' in exchange.request.body
            exchange.answer(422 if refused else 200, b"no heartbeats here\n" if refused else b"")

        logs = Receiver(self, port=443, tls=public_server(), otherwise=without_heartbeats)
        self.agent("logs", "output")
        (show, shown), (retry, told) = conversation(0)
        self.wait_for(lambda: shape(self.run_line(show)[0]) == shape(shown))
        before = len(logs.arrived)
        logs.otherwise = answer()
        self.assertEqual(self.run_line(retry), (told, 0))
        self.wait_for(lambda: len(logs.arrived) > before)

    def test_an_audit(self):
        """First the receiver is not to be found, then it is."""
        (send, told), (send_again, told_again) = conversation(1)
        said, status = self.run_line(send)
        self.assertEqual((shape(said), status), (shape(told), 3))
        put_hosts("localhost", *names(), ABSENT)
        receiver = Receiver(self, port=443, tls=public_server())
        said, status = self.run_line(send_again)
        self.assertEqual((shape(said), status), (shape(told_again), 0))
        self.assertEqual(len(set(receiver.arrived)), int(re.search("[0-9]+", said)[0]))


if __name__ == "__main__":
    harness.main()
