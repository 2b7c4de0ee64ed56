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

from load import row

PROCTOR = os.path.abspath(os.environ.get("PROCTOR", "proctor"))
ASK = os.path.join(os.path.dirname(os.path.abspath(os.environ.get("MEASURE", "tests/bench/measure"))), "ask")
CALLS = int(os.environ.get("PROCTOR_BENCH_CALLS", "500000"))
REQUESTS = int(os.environ.get("PROCTOR_BENCH_REQUESTS", "20000"))
ROUNDS = int(os.environ.get("PROCTOR_BENCH_ROUNDS", "11"))
PORT = 8099


@contextlib.contextmanager
def learning():
    process = subprocess.Popen([PROCTOR, "learn", "--duration", "1d", "--format", "json"], stdout=subprocess.DEVNULL)
    time.sleep(1)  # until it has attached, and looked for the first time
    if process.poll() is not None:
        raise SystemExit("proctor learn cannot watch here")
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def in_turns(cost):
    """Medians of the cost without and with learning."""
    without, watched = [], []
    for _ in range(ROUNDS):
        without.append(cost())
        with learning():
            watched.append(cost())
    return statistics.median(without), statistics.median(watched)


def bench_chown():
    with tempfile.NamedTemporaryFile() as file:
        def cost():
            return float(subprocess.run([ASK, file.name, str(CALLS)], stdout=subprocess.PIPE, check=True).stdout)

        without, watched = in_turns(cost)
    row("chown(2), each with a check", f"{without:.0f} ns", f"{watched:.0f} ns", f"{watched / without:.2f}", "",
        f"  {watched - without:.0f} ns a check")


@contextlib.contextmanager
def web_server():
    with tempfile.TemporaryDirectory() as place:
        with open(f"{place}/nginx.conf", "w", encoding="ascii") as file:
            file.write(f"daemon off; pid {place}/pid; error_log {place}/log; events {{}}\n"
                       f"http {{ access_log off; server {{ listen 127.0.0.1:{PORT}; return 200 hello; }} }}\n")
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


def requests_a_second():
    told = subprocess.run(["ab", "-q", "-n", str(REQUESTS), "-c", "8", f"http://127.0.0.1:{PORT}/"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout.decode()
    return float(re.search(r"Requests per second: +([0-9.]+)", told)[1])


def bench_learn():
    print("\nLearning: what it costs whom it watches")
    row("", "without", "with", "ratio", "target")
    bench_chown()
    if not shutil.which("nginx") or not shutil.which("ab"):
        print("nginx or ab (apache2-utils) is not installed: no requests")
        return
    with web_server():
        without, watched = in_turns(requests_a_second)
    row("requests a second of nginx, a connection for each", f"{without:.0f}", f"{watched:.0f}",
        f"{watched / without:.3f}", "0.980")
