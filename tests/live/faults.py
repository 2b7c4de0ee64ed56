"""Faults of receivers and of the machine, each beside a flow of records, and what became of those: the cells of a table
fault x sink. tests/fault/run prints it, test_faults.py wants nothing lost."""

import concurrent.futures
import ctypes
import dataclasses
import mmap
import os
import random
import struct
import subprocess
import time
import traceback
import unittest

import harness
from far_ends import KINDS, Fault, File
from flow import Flow

YEAR = 365 * 86400
CLOCK = os.path.abspath(os.environ.get("CLOCK", "tests/live/clock.so"))


@dataclasses.dataclass
class Scale:
    """How much of it."""
    records: int = 60        # of a cell
    rate: int = 100          # a second
    bad: float = 1.5         # seconds for which what lasts does
    failing: float = 1.5     # and a receiver that answers 500
    flood: int = 1000        # records while the shipper is killed
    kills: int = 5
    agent_kills: int = 2
    patience: float = 60     # seconds until what has not arrived is lost


@dataclasses.dataclass
class Cell:
    fault: str
    sink: str
    sent: int = 0
    acknowledged: int = 0
    arrived: int = 0
    doubled: int = 0
    queued: int = 0
    dead: int = 0
    lost: int = 0
    may_lose: int = 0
    why: str = ""       # it may, or was not tried
    skipped: bool = False

    @property
    def is_good(self):
        return 0 <= self.lost <= self.may_lose


class CellCase(harness.Case):
    """Whatever a cell starts is undone with it."""

    def runTest(self):
        raise NotImplementedError

    def wait_at_most(self, seconds, condition):
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            time.sleep(0.02)


@dataclasses.dataclass
class Row:
    """A cell that is still to be made: `make` is called with a case of its own."""
    fault: str
    sink: str
    make: callable
    arguments: tuple

    def run(self):
        """Its cell, or several."""
        case, cell = CellCase(), Cell(self.fault, self.sink)
        try:
            made = self.make(case, cell, *self.arguments)
            return made if isinstance(made, list) else [made]
        except unittest.SkipTest as reason:
            cell.skipped, cell.why = True, str(reason)
        except Exception:  # a cell that could not be made is a bad one
            cell.lost, cell.why = -1, traceback.format_exc()
        finally:
            case.doCleanups()
        return [cell]


# ---- what became of them -----------------------------------------------------------------------------------

def is_through(flow, far):
    """Whether all records are where they are to be: behind a receiver that acknowledges nothing, there."""
    told = flow.ask()
    if told["opened"] < flow.count or told["waiting"] or told["degraded"]:
        return False
    return far.acknowledges or len(set(far.arrived())) + told["dead_letters"] >= flow.count


def count_up(cell, sent, acknowledged, arrived, kept):
    queued, dead = kept
    known = set(arrived)
    cell.sent, cell.acknowledged = sent, acknowledged
    cell.arrived, cell.doubled = len(known), len(arrived) - len(known)
    cell.queued, cell.dead = len(queued - known), len(dead - known)
    cell.lost = sent - len(known | queued | dead)
    return cell


def settle(case, scale, cell, flow, far):
    """Waits until all is there, ends the flow, and counts."""
    case.wait_at_most(scale.patience, lambda: is_through(flow, far))
    told = flow.stop()
    return count_up(cell, told["opened"], told["sent"], far.arrived(), flow.kept())


# ---- receivers that misbehave --------------------------------------------------------------------------------

def misbehaves(case, cell, scale, certificates, kind, fault):
    far = kind(case, certificates, fault)
    flow = Flow(case, far.url, far.keys, scale.records, scale.rate)
    if fault.lasts:
        time.sleep(scale.bad)
        far.mend()
    if fault.may_lose:  # who may never have all is not waited for as long
        scale = dataclasses.replace(scale, patience=scale.bad + scale.records / scale.rate + 10)
    settle(case, scale, cell, flow, far)
    if fault.may_lose:
        cell.may_lose, cell.why = fault.may_lose(cell.sent), fault.why
    return cell


def goes_away(case, cell, scale, certificates, kind):
    """And comes back, twice."""
    far = kind(case, certificates)
    flow = Flow(case, far.url, far.keys, scale.records, scale.rate)
    for _ in range(2):
        case.wait_for(lambda: len(far.arrived()) > 0)
        time.sleep(0.1)
        far.end()
        time.sleep(scale.bad / 2)
        far.begin()
    return settle(case, scale, cell, flow, far)


# ---- the machine ---------------------------------------------------------------------------------------------

def killed(case, cell, scale, certificates, kind):
    far = kind(case, certificates, Fault(keys={"batch": 50}))
    seconds = 0.2 * scale.kills
    flow = Flow(case, far.url, far.keys, scale.flood, max(20, int(scale.flood / seconds)))
    for _ in range(scale.kills):
        time.sleep(random.uniform(0.05, 0.35))
        flow.kill()
        flow.start()
    return settle(case, scale, cell, flow, far)


def ended(case, cell, scale, certificates, kind):
    """In order, as by SIGTERM."""
    far = kind(case, certificates, Fault(keys={"batch": 50}))
    flow = Flow(case, far.url, far.keys, scale.records, scale.rate)
    for _ in range(5):
        time.sleep(scale.records / scale.rate / 8)
        flow.stop()
        flow.start()
    return settle(case, scale, cell, flow, far)


def fill(path):
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass


def disk_is_full(case, cell, scale, certificates, kind):
    """While nobody takes what is queued, and until somebody does."""
    state = case.scratch()
    mounted = case.run_command("mount", "-t", "tmpfs", "-o", f"size={2 + scale.records // 250}m", "tmpfs", state)
    if mounted.returncode:
        case.skipTest("tmpfs cannot be mounted")
    far = kind(case, certificates)
    flow = Flow(case, far.url, far.keys, scale.records, scale.rate, state=state)
    case.wait_for(lambda: len(far.arrived()) > 0)
    far.end()
    fill(f"{state}/filler")
    case.wait_for(lambda: flow.ask()["degraded"])
    time.sleep(scale.bad)
    os.unlink(f"{state}/filler")
    far.begin()
    return settle(case, scale, cell, flow, far)


def clock_jumps(case, cell, scale, certificates, kind):
    if harness.SANITIZED:
        case.skipTest("a sanitizer has to be loaded before the clock")
    path = f"{case.scratch()}/offset"
    with open(path, "w+b") as file:
        file.truncate(8)
        offset = mmap.mmap(file.fileno(), 8)
        case.undo(offset.close)
    far = kind(case, certificates, Fault())
    flow = Flow(case, far.url, far.keys, scale.records, scale.rate,
                environment={"LD_PRELOAD": CLOCK, "CLOCK_OFFSET": path})
    step = scale.records / scale.rate / 4
    for years in ((1, -20, 0) if not far.tls else (0.001, -0.001, 0)):  # a certificate is good for two days
        time.sleep(step)
        offset[:] = struct.pack("q", int(years * YEAR))
    return settle(case, scale, cell, flow, far)


class Network:
    """A network namespace with a loopback of its own, in which receivers listen that are begun within."""

    def __init__(self, case):
        self.case = case
        self.holder = case.spawn("unshare", "--net", "sh", "-c", "ip link set lo up && echo ready; read _")
        self.wrap = ("nsenter", f"--target={self.holder.pid}", "--net")

    def set(self, state):
        done = self.case.run_command(*self.wrap, "ip", "link", "set", "lo", state)
        self.case.assertEqual(done.returncode, 0, done.stderr)

    def __enter__(self):
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.enter(f"/proc/{self.holder.pid}/ns/net")

    def __exit__(self, *_):
        self.move(self.home)
        os.close(self.home)

    def enter(self, path):
        namespace = os.open(path, os.O_RDONLY)
        self.move(namespace)
        os.close(namespace)

    @staticmethod
    def move(namespace):
        if ctypes.CDLL(None).setns(namespace, 0):
            raise OSError("setns")


def network_is_down(case, cell, scale, certificates, kind):
    """Twice, while records flow."""
    if not harness.find_command("ip"):
        case.skipTest("not installed: ip")
    network = Network(case)
    with network:
        far = kind(case, certificates)
    flow = Flow(case, far.url, far.keys, scale.records, scale.rate, wrap=network.wrap)
    for _ in range(2):
        case.wait_for(lambda: len(far.arrived()) > 0)
        network.set("down")
        time.sleep(scale.bad)
        network.set("up")
        time.sleep(scale.records / scale.rate / 4)
    return settle(case, scale, cell, flow, far)


# ---- all of them ---------------------------------------------------------------------------------------------

MACHINE = {
    "SIGTERM of the shipper, 5 times": ended,
    "goes away while records flow": goes_away,
    "the disk of the queue is full": disk_is_full,
    "the clock jumps": clock_jumps,
    "the network is down and up": network_is_down,
}
NO_MATTER = {(network_is_down, File)}


def machine_rows(scale, certificates):
    faults = {f"kill -9 of the shipper, {scale.kills} times": killed, **MACHINE}
    return [Row(fault, kind.name, make, (scale, certificates, kind)) for fault, make in faults.items() for kind in KINDS
            if (make, kind) not in NO_MATTER]


def receiver_rows(scale, certificates):
    return [Row(name, kind.name, misbehaves, (scale, certificates, kind, fault))
            for kind in KINDS for name, fault in kind.faults(scale.failing).items()]


def run_all(rows_to_run, at_once, show=lambda cell: None):
    """So many beside each other; the cells in the order of the rows. `show`: each when it is there."""
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        underway = [pool.submit(row.run) for row in rows_to_run]
        for done in concurrent.futures.as_completed(underway):
            for cell in done.result():
                show(cell)
    return [cell for done in underway for cell in done.result()]
