"""What learning costs whom it watches: one part of tests/bench/run."""

import contextlib
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

from load import mebibytes, row

PROCTOR = os.path.abspath(os.environ.get("PROCTOR", "proctor"))
ASK = os.path.join(os.path.dirname(os.path.abspath(os.environ.get("MEASURE", "tests/bench/measure"))), "ask")
CALLS = int(os.environ.get("PROCTOR_BENCH_CALLS", "500000"))
REQUESTS = int(os.environ.get("PROCTOR_BENCH_REQUESTS", "6000"))
ROUNDS = int(os.environ.get("PROCTOR_BENCH_ROUNDS", "11"))
TURNS = int(os.environ.get("PROCTOR_BENCH_TURNS", "25"))  # of requests: what else the machine does shows in each
PORT = 8099


@contextlib.contextmanager
def learning():
    """Yields its pid."""
    process = subprocess.Popen([PROCTOR, "learn", "--duration", "1d", "--format", "json"], stdout=subprocess.DEVNULL)
    time.sleep(1)  # until it has attached, and looked for the first time
    if process.poll() is not None:
        raise SystemExit("proctor learn cannot watch here")
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def in_turns(cost, turns=ROUNDS):
    """Medians of the cost without and with learning, and of the ratio in each turn."""
    without, watched = [], []
    for _ in range(turns):
        without.append(cost())
        with learning():
            watched.append(cost())
    return (statistics.median(without), statistics.median(watched),
            statistics.median(after / before for before, after in zip(without, watched)))


def bench_chown():
    with tempfile.NamedTemporaryFile() as file:
        def cost():
            return float(subprocess.run([ASK, file.name, str(CALLS)], stdout=subprocess.PIPE, check=True).stdout)

        without, watched, ratio = in_turns(cost)
        row("chown(2), each with two checks", f"{without:.0f} ns", f"{watched:.0f} ns", f"{ratio:.2f}", "",
            f"  {(watched - without) / 2:.0f} ns a check")
        with learning() as pid, kernel_statistics():
            cost()
            run, maps = bpf_facts(pid)
    row("a check, by the kernel's statistics", "", f"{run:.0f} ns")
    row("memory of the maps", "", mebibytes(maps / 1024))


@contextlib.contextmanager
def kernel_statistics():
    """kernel.bpf_stats_enabled, of the whole machine."""
    path = "/proc/sys/kernel/bpf_stats_enabled"
    with open(path, encoding="ascii") as file:
        before = file.read()
    with open(path, "w", encoding="ascii") as file:
        file.write("1")
    try:
        yield
    finally:
        with open(path, "w", encoding="ascii") as file:
            file.write(before)


def bpf_facts(pid):
    """Of the programs of a process the nanoseconds of a run, of its maps the bytes."""
    time_used, runs, maps = 0, 0, {}
    for name in os.listdir(f"/proc/{pid}/fdinfo"):
        with open(f"/proc/{pid}/fdinfo/{name}", encoding="ascii") as file:
            facts = dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)
        time_used += int(facts.get("run_time_ns", 0))
        runs += int(facts.get("run_cnt", 0))
        if "map_id" in facts:
            maps[facts["map_id"]] = int(facts["memlock"])
    return time_used / max(runs, 1), sum(maps.values())


@contextlib.contextmanager
def web_server():
    """Its worker is root, and `closed` a directory of another user that nobody else may enter: it is asked for
    CAP_DAC_READ_SEARCH for the directory, and for the file in it."""
    with tempfile.TemporaryDirectory() as place:
        os.makedirs(f"{place}/root/closed")
        for path in f"{place}/root/closed/page", f"{place}/root/page":
            with open(path, "w", encoding="ascii") as file:
                file.write("hello")
        os.chown(f"{place}/root/closed", 1, 1)
        os.chown(f"{place}/root/closed/page", 1, 1)
        os.chmod(f"{place}/root/closed/page", 0o600)
        os.chmod(f"{place}/root/closed", 0o700)
        with open(f"{place}/nginx.conf", "w", encoding="ascii") as file:
            file.write(f"daemon off; user root; pid {place}/pid; error_log {place}/log; events {{}}\n"
                       f"http {{ access_log off; keepalive_timeout 0;\n"
                       f"server {{ listen 127.0.0.1:{PORT}; root {place}/root; }} }}\n")
        process = subprocess.Popen(["nginx", "-c", f"{place}/nginx.conf", "-e", f"{place}/log"])
        try:
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", PORT)):
                    break
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait()


def requests_a_second(path):
    told = subprocess.run(["ab", "-q", "-n", str(REQUESTS), "-c", "8", f"http://127.0.0.1:{PORT}/{path}"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout.decode()
    if "Non-2xx" in told:
        raise SystemExit("nginx does not serve")
    return float(re.search(r"Requests per second: +([0-9.]+)", told)[1])


def bench_requests(what, path):
    without, watched, ratio = in_turns(lambda: requests_a_second(path), TURNS)
    row(what, f"{without:.0f}", f"{watched:.0f}", f"{ratio:.3f}", "0.980")


def bench_learn():
    print("\nLearning: what it costs whom it watches")
    row("", "without", "with", "ratio", "target")
    bench_chown()
    if not shutil.which("nginx") or not shutil.which("ab"):
        print("nginx or ab (apache2-utils) is not installed: no requests")
        return
    with web_server():
        bench_requests("nginx, a connection for each request: a second", "page")
        bench_requests("the same, each asks twice for a capability", "closed/page")
