"""Faults of others' receivers, and of the whole agent: more cells of the table that faults.py has."""

import json
import os
import pathlib
import random
import signal
import socket
import sqlite3
import subprocess
import time

import harness
import node
import syslog_daemons
import test_sink_https
from containers import CONTAINER_COMMANDS, Container
from far_ends import KINDS, FarEnd, File
from faults import Cell, Row, count_up, settle
from flow import Flow, kept
from measured import Intruder, Watched, place_program
from receiver import Receiver
from syslog_daemons import Rsyslog, SyslogNg


# ---- nginx ---------------------------------------------------------------------------------------------------

class Nginx(FarEnd):
    """With certificates of clients, a body of 8 KiB at most, five requests a second, three a connection."""
    name = "https"
    SETTINGS = test_sink_https.Nginx.SETTINGS.replace("master_process off;", "").replace("rate=1r/m", "rate=5r/s")

    def __init__(self, case, certificates):
        if not harness.find_command("nginx"):
            case.skipTest("not installed: nginx")
        self.case, self.directory, self.port = case, case.scratch(), case.free_port()
        self.at, self.before = Receiver(case, forgetful=True), []
        self.keys = {"batch": 20, "timeout": "5s", "ca_file": certificates.authority,
                     "certificate_file": certificates.client[0], "key_file": certificates.client[1]}
        self.url = f"https://localhost:{self.port}/limited"
        self.config = f"{self.directory}/nginx.conf"
        with open(self.config, "w", encoding="ascii") as file:
            file.write(self.SETTINGS.format(directory=self.directory, port=self.port, server=certificates.right,
                                            authority=certificates.authority, upstream=self.at.port, settings=""))
        self.begin()

    def begin(self):
        self.nginx = subprocess.Popen([harness.find_command("nginx"), "-c", self.config], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.end = self.case.undo(harness.end_daemon, self.nginx)
        self.case.wait_for(self.listens)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def reload(self):
        self.nginx.send_signal(signal.SIGHUP)

    def restart(self):
        self.end()
        self.begin()


# ---- syslog --------------------------------------------------------------------------------------------------

class SyslogDaemon(FarEnd):
    """`kind` with TLS and certificates of clients."""
    name, acknowledges = "syslog+tls", False

    def __init__(self, case, _):
        reason = syslog_daemons.missing(self.program)
        if reason:
            case.skipTest(reason)
        self.daemon = self.kind(case, tls=syslog_daemons.Certificates(case))
        self.url, _, pairs = self.daemon.url().partition("#")
        self.keys = {"batch": 20, **dict(pair.split("=", 1) for pair in pairs.split("&"))}

    def restart(self):
        self.daemon.stop()
        self.daemon.start()

    def arrived(self):
        return [self.parameters(message)["record_id"] for message in self.daemon.received()]


class ToRsyslog(SyslogDaemon):
    kind, program = Rsyslog, "rsyslog"

    @staticmethod
    def parameters(message):
        return message["parsed"]["rfc5424-sd"]["proctor@32473"]


class ToSyslogNg(SyslogDaemon):
    kind, program = SyslogNg, "syslog-ng"

    @staticmethod
    def parameters(message):
        return message["sdata"]["proctor@32473"]


# ---- @fluent-org/logger --------------------------------------------------------------------------------------

class FluentLogger(FarEnd):
    """Its server, which tells each record by a line."""
    name = "fluent"

    def __init__(self, case, _):
        self.case, self.port, self.output = case, case.free_port(), f"{case.scratch()}/out"
        self.url, self.keys = f"fluent://127.0.0.1:{self.port}", {"batch": 20, "timeout": "5s"}
        self.begin()

    def begin(self):
        self.process = node.start(self.case, "fluent_server.js", json.dumps({"port": self.port, "output": self.output}))
        self.process.stdout.readline()

    def restart(self):
        self.process.stdin.close()
        self.process.wait()
        self.begin()

    def arrived(self):
        if not os.path.exists(self.output):
            return []
        with open(self.output, "rb") as file:
            return [json.loads(line)[3]["record_id"] for line in file.read().split(b"\n")[:-1]]


def begins_anew(case, cell, scale, certificates, kind, how):
    """Three times while records flow."""
    far = kind(case, certificates)
    flow = Flow(case, far.url, far.keys, scale.records, scale.rate)
    for _ in range(3):
        case.wait_for(lambda: len(far.arrived()) > 0)
        time.sleep(scale.records / scale.rate / 5)
        getattr(far, how)()
    return settle(case, scale, cell, flow, far)


# ---- the whole agent -----------------------------------------------------------------------------------------

def sections(ends):
    """The sinks of a configuration."""
    return "\n".join(f"[sink.{end.name.replace('+', '-')}]\nurl = {end.url}\n"
                     + "\n".join(f"{key} = {value}" for key, value in end.keys.items()) for end in ends)


def last_sequence(state):
    with sqlite3.connect(f"file:{state}/proctor.db?mode=ro", uri=True) as database:
        return database.execute("SELECT sequence FROM figures").fetchone()[0]


def begin_state(case, directory):
    """A state without records; the number from which the next ones are counted."""
    state = f"{directory}/state"
    os.mkdir(state)
    Flow(case, f"file://{directory}/none", {}, 0, 1, state=state).stop()
    for path in (state, *pathlib.Path(state).iterdir()):
        os.chown(path, harness.NOBODY, harness.NOBODY)
    return last_sequence(state)


def kill_agent(case, agent):
    """All of its processes at once."""
    pids = [agent.parent(), *agent.pids()]
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    agent.process.wait()
    case.wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))


def status(agent):
    """What it tells; nothing while its shipper is not there."""
    try:
        return agent.status(status=None)
    except ValueError:
        return {}


def wait_shipper(case, agent):
    """The pid of the one that answers now."""
    def answers():
        return status(agent).get("pids", {}).get("shipper") in agent.pids()
    case.wait_for(answers)
    return status(agent)["pids"]["shipper"]


def all_sent(agent):
    return all(sink["waiting"] == 0 for sink in status(agent).get("queue", [{"waiting": None}]))


def agent_killed(case, cell, scale, certificates):
    """It delivers to a receiver of each kind of sink, while programs with more privilege than their container come and
    go."""
    if not harness.is_root() or not all(map(harness.find_command, CONTAINER_COMMANDS)):
        case.skipTest("needs root, runc and busybox")
    directory = case.scratch()
    os.chmod(directory, 0o777)
    begin = begin_state(case, directory)
    container = Container(case, "killed")
    ends = [kind(case, certificates) for kind in KINDS if kind is not File]
    settings = "interval = 10\n" + sections(ends)
    agent = Watched(case, settings=settings, directory=directory)
    for number in range(scale.agent_kills):
        with Intruder(container.pid, place_program(container.pid, f"k{number}")):
            time.sleep(random.uniform(0.3, 2))
            if number % 2:  # its parent starts another one
                os.kill(wait_shipper(case, agent), signal.SIGKILL)
                continue
            kill_agent(case, agent)
            agent = Watched(case, settings=settings, directory=directory)
    wait_shipper(case, agent)
    agent.wait_full()
    case.wait_for(lambda: all_sent(agent))
    case.wait_at_most(scale.patience, lambda: all(end.acknowledges or len(set(end.arrived())) >=
                                                  last_sequence(agent.state) - begin for end in ends))
    case.assertEqual(agent.stop(), 0)
    sent, what = last_sequence(agent.state) - begin, kept(agent.state)
    return [count_up(Cell(cell.fault, end.name), sent, sent - len(what[0]), end.arrived(), what) for end in ends]


def daemon_rows(scale, certificates):
    kills = f"kill -9 of the agent or its shipper, {scale.agent_kills} times"
    return [Row(kills, "all", agent_killed, (scale, certificates)),
            *(Row(fault, kind.name, begins_anew, (scale, certificates, kind, how)) for fault, kind, how in (
                ("nginx with mTLS and limits: reload", Nginx, "reload"),
                ("nginx with mTLS and limits: restart", Nginx, "restart"),
                ("rsyslog: restart", ToRsyslog, "restart"), ("syslog-ng: restart", ToSyslogNg, "restart"),
                ("@fluent-org/logger: restart", FluentLogger, "restart")))]
