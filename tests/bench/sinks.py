"""How fast records get to receivers, sink by sink, and rsyslog beside: one part of tests/bench/run."""

import os
import shutil
import statistics
import subprocess
import threading
import time

from load import mebibytes, row
from receivers import Nginx, Reader, make_authority, take_fluent, take_syslog

import harness
from measured import cpu_seconds, memory

FLOW = os.path.abspath(os.environ.get("FLOW", "tests/bench/flow"))
RECORDS = int(os.environ.get("PROCTOR_BENCH_RECORDS", "20000"))
ROUNDS = int(os.environ.get("PROCTOR_BENCH_SINK_ROUNDS", "3"))
BATCH = 500
PATIENCE = 600


class Peak:
    """The most memory (PSS) of a process while the block runs."""

    def __init__(self, pid):
        self.pid, self.most, self.stop = pid, 0, threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def run(self):
        while not self.stop.wait(0.05):
            try:
                self.most = max(self.most, memory(self.pid))
            except (OSError, TypeError):  # it has ended
                return

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


class Result:
    """Of one run: records a second, seconds of the processor for 100,000 records, KiB."""

    def __init__(self, records, seconds, processor, peak):
        self.rate, self.processor, self.peak = records / seconds, processor / records * 100000, peak


def flow(case, url):
    """From findings to the receiver, through a queue on disk."""
    state = case.scratch()
    url = f"{url}{'&' if '#' in url else '#'}batch={BATCH}"
    process = subprocess.Popen([FLOW, state, str(RECORDS), str(BATCH), url], stdout=subprocess.PIPE, text=True)
    try:
        with Peak(process.pid) as peak:
            told = process.communicate(timeout=PATIENCE)[0].split()
    finally:
        process.kill()
        process.wait()
    shutil.rmtree(state)
    if process.returncode or int(told[0]) != RECORDS:
        raise SystemExit(f"{url}: {told}, exit status {process.returncode}")
    return Result(RECORDS, float(told[1]), float(told[2]), peak.most)


# ---- the peer ------------------------------------------------------------------------------------------

QUEUES = {"queue in memory, the disk's help": 'queue.type="LinkedList" queue.size="50000"',
          "queue on disk, synced": 'queue.type="Disk" queue.syncQueueFiles="on" queue.checkpointInterval="500"'}


class Rsyslog:
    """Reads lines from a file as they come to be in it, and sends them by its omfwd to a Reader."""

    def __init__(self, case, reader, authority, queue):
        self.directory, self.reader = case.scratch(), reader
        self.lines = f"{self.directory}/lines"
        driver = """StreamDriver="ossl" StreamDriverMode="1" StreamDriverAuthMode="x509/name"
            StreamDriverPermittedPeers="localhost" """ if reader.context else ""
        with open(f"{self.directory}/conf", "w", encoding="utf-8") as file:
            file.write(f"""
global(workDirectory="{self.directory}" maxMessageSize="64k" defaultNetstreamDriverCAFile="{authority.certificate}")
module(load="imfile")
input(type="imfile" file="{self.lines}" tag="proctor" ruleset="out")
ruleset(name="out") {{
    action(type="omfwd" target="127.0.0.1" port="{reader.port}" protocol="tcp" TCP_Framing="octet-counted"
           template="RSYSLOG_SyslogProtocol23Format" action.resumeRetryCount="-1" {driver}
           {queue} queue.fileName="queue" queue.dequeueBatchSize="{BATCH}" queue.timeoutEnqueue="60000")
}}
""")
        open(self.lines, "wb").close()
        self.process = subprocess.Popen([harness.find_command("rsyslogd"), "-n", "-f", f"{self.directory}/conf", "-i",
                                         f"{self.directory}/pid"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        case.undo(harness.end_daemon, self.process)
        case.wait_for(lambda: os.path.exists(f"{self.directory}/pid"))
        time.sleep(1)  # it looks at the file

    def ship(self, lines):
        pid, before = self.process.pid, self.reader.records
        processor, start = cpu_seconds(pid), time.monotonic()
        with Peak(pid) as peak:
            with open(lines, "rb") as source, open(self.lines, "ab") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            while self.reader.records < before + RECORDS:
                time.sleep(0.01)
                if self.process.poll() is not None or time.monotonic() - start > PATIENCE:
                    raise SystemExit(f"rsyslog delivered {self.reader.records - before} of {RECORDS}")
        return Result(RECORDS, time.monotonic() - start, cpu_seconds(pid) - processor, peak.most)


def rsyslog(case, reader, authority, queue, lines):
    daemon = Rsyslog(case, reader, authority, queue)
    try:
        return daemon.ship(lines)
    finally:
        harness.end_daemon(daemon.process)


# ---- side by side --------------------------------------------------------------------------------------

def make_sides(case):
    """Of each side its name, what runs it, and the name of the peer that it is compared with."""
    authority, server = make_authority(case)
    nginx = Nginx(case, server)
    nginx.start()
    lines = f"{case.scratch()}/records"
    trusted = f"#ca_file={authority.certificate}"
    at = f"localhost:{nginx.port}"
    readers = {(take, tls): Reader(case, take, server if tls else None)
               for take in (take_syslog, take_fluent) for tls in (False, True)}

    def to_file():
        if os.path.exists(lines):
            os.unlink(lines)
        return flow(case, f"file://{lines}?rotate=0")

    urls = {"https": (f"https://{at}/records{trusted}", True),
            "https, gzip": (f"https://{at}/records{trusted}&compress=gzip", True),
            "otlp+https": (f"otlp+https://{at}{trusted}", True),
            "fluent": (f"fluent://127.0.0.1:{readers[take_fluent, False].port}", False),
            "fluent+tls": (f"fluent+tls://localhost:{readers[take_fluent, True].port}{trusted}", True),
            "syslog+tcp": (f"syslog+tcp://127.0.0.1:{readers[take_syslog, False].port}", False),
            "syslog+tls": (f"syslog+tls://localhost:{readers[take_syslog, True].port}{trusted}", True)}
    sides = {"file": (to_file, False)}
    sides.update({name: (lambda url=url: flow(case, url), tls) for name, (url, tls) in urls.items()})
    peers = {(tls, queue): (lambda tls=tls, queue=queue: rsyslog(case, readers[take_syslog, tls], authority,
                                                                QUEUES[queue], lines))
             for tls in (False, True) for queue in QUEUES}
    return sides, peers


def result_row(what, results, *ratios):
    rate, processor = (statistics.median(getattr(result, name) for result in results) for name in ("rate", "processor"))
    row(what, f"{rate:.0f}/s", f"{processor:.1f} s", mebibytes(max(result.peak for result in results)), *ratios)
    return rate


def measure_all(sides):
    """Each so many times, in turns."""
    results = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, run in sides.items():
            results[name].append(run())
    return results


def print_all(sides, results, peers):
    rates = {(tls, queue): result_row(f"rsyslog omfwd, {'TLS' if tls else 'TCP'}, {queue}", results[tls, queue])
             for tls, queue in peers}
    for name, (_, tls) in sides.items():
        rate = statistics.median(result.rate for result in results[name])
        result_row(name, results[name], *(f"{rate / rates[tls, queue]:.2f}" for queue in QUEUES))


def bench_sinks():
    missing = [name for name in ("nginx", "openssl", "rsyslogd") if not harness.find_command(name)]
    if missing:
        raise SystemExit(f"not installed: {', '.join(missing)}")
    print(f"\nSinks: {RECORDS} records in batches of {BATCH}, each durable in the queue before it is sent, to receivers on "
          "loopback\n(target: 5000/s by https). CPU for 100,000 records; PSS at its most. Ratio: to rsyslog by the same "
          "transport,\nits queue in memory (with the disk's help), and on disk and synced")
    row("", "records", "cpu", "memory", "memory", "disk")
    case = harness.Case()
    try:
        sides, peers = make_sides(case)
        results = measure_all({**{name: run for name, (run, _) in sides.items()}, **peers})
        print_all(sides, results, peers)
    finally:
        case.doCleanups()
