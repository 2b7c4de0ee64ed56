"""Where records of each kind of sink arrive, for the table of faults: receivers by script, all asked in one way.

    far = KIND(case, certificates, fault)   # misbehaves from the start, or for what `fault` says
    far.url, far.keys                       # of its sink
    far.arrived()                           # record ids in their order, with doubles
    far.end(), far.begin()                  # nobody listens; somebody does again, at the same place

What a receiver did not answer counts as forgotten: of a record that is out and did not arrive nobody else knows."""

import json
import os
import ssl

import fluent_receiver
import receiver
import syslog_receiver
import test_sink_otlp
from certificates import Authority
from fluent_receiver import FluentReceiver
from receiver import Receiver

SHARED_KEY = "of both sides"


class Certificates:
    """Of localhost: `right`, and those that are not to be believed."""

    def __init__(self, directory):
        ours = Authority(directory)
        self.authority = ours.certificate
        self.right, self.client = ours.issue("receiver"), ours.issue("client")
        self.wrong = {"expired": ours.issue("expired", days=-1),
                      "of another host": ours.issue("elsewhere", hosts=("DNS:elsewhere.example",)),
                      "of another authority": Authority(directory, "strangers").issue("stranger")}
        os.chmod(directory, 0o755)
        for name in os.listdir(directory):
            os.chmod(f"{directory}/{name}", 0o644)


class Fault:
    """What a receiver does: by a script of its first exchanges, or always, or (`certificate`, `away`, `silent`) until
    mend(). `keys`: of the sink; `unread`: so many records at most may be lost, and `why`."""

    def __init__(self, *script, otherwise=None, keys=None, certificate=None, away=False, silent=False, slow=False,
                 may_lose=None, why=""):
        self.script, self.otherwise, self.keys, self.certificate = script, otherwise, keys or {}, certificate
        self.away, self.silent, self.slow, self.may_lose, self.why = away, silent, slow, may_lose, why

    @property
    def lasts(self):
        """Until it is mended."""
        return bool(self.certificate or self.away or self.silent)


def in_between(*bad, good):
    """Some that go well before and between those that do not."""
    return [each for one in bad for each in (good, one)]


class FarEnd:
    tls, acknowledges, keys = False, True, {}

    def __init__(self, case, certificates, fault=Fault()):
        self.case, self.certificates, self.fault = case, certificates, fault
        self.keys = {"batch": 10, "timeout": "2s", **type(self).keys, **fault.keys}
        if self.tls:
            self.keys["ca_file"] = certificates.authority
        self.port, self.at, self.before = case.free_port(), None, []
        if not fault.away:
            self.begin()

    def pair(self):
        """The certificate that it shows, with its key."""
        if not self.tls:
            return None
        return self.certificates.wrong[self.fault.certificate] if self.fault.certificate else self.certificates.right

    def context(self, pair):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        return context

    def mend(self):
        if self.fault.away:
            self.begin()
        if self.fault.certificate:
            self.at.context = self.context(self.certificates.right)

    def end(self):
        self.at.end()
        self.before.append(self.at)

    def arrived(self):
        return [one for at in (*self.before, self.at) if at for one in self.ids_of(at)]

    @staticmethod
    def ids_of(at):
        return list(at.arrived)


# ---- HTTP ------------------------------------------------------------------------------------------------

def refuse_some(exchange):
    """Wrong is whatever has an id that begins with 0."""
    exchange.read()
    wrong = any(one.startswith("0") for one in exchange.receiver.ids(exchange.request.body))
    exchange.answer(400 if wrong else 200, b"a record is wrong\n" if wrong else b"")


def http_faults(seconds):
    """`seconds`: of those that last a while."""
    def script(*bad, **options):
        return Fault(*in_between(*bad, good=receiver.answer()), **options)
    return {
        "refuses connections": Fault(away=True),
        "certificate expired": Fault(certificate="expired"),
        "certificate of another host": Fault(certificate="of another host"),
        "certificate of another authority": Fault(certificate="of another authority"),
        "hangs before the body": script(receiver.hang(read=False)),
        "hangs after the body": script(receiver.hang()),
        "resets in the middle": script(receiver.reset(100), receiver.reset(1000)),
        "closes before the body": script(receiver.hang_up(read=False)),
        "closes after the body": script(receiver.hang_up()),
        "429 with Retry-After": script(receiver.too_many(1)),
        "500 for a while": Fault(otherwise=receiver.for_a_while(receiver.answer(500), seconds)),
        "413": Fault(otherwise=receiver.too_large(6000)),
        "400 for some records": Fault(otherwise=refuse_some),
        "answers after the time-out": script(receiver.late(), receiver.late()),
        "answers garbage": script(receiver.garbage(b"+OK\r\n"), receiver.garbage(b"HTTP/1.1 100 Continue\r\n\r\n")),
        "half an answer": script(receiver.half_answer(), receiver.half_answer()),
        "answer that drips": script(receiver.drip()),
        "slow reader": Fault(otherwise=receiver.slow()),
        "closes after each request": Fault(otherwise=receiver.answer(close=True)),
        "closes unsaid after each request": Fault(otherwise=receiver.close_silently()),
    }


class Https(FarEnd):
    name, tls, faults, parse = "https", True, staticmethod(http_faults), staticmethod(receiver.ids)

    def begin(self):
        self.at = Receiver(self.case, script=self.fault.script, otherwise=self.fault.otherwise or receiver.answer(),
                           tls=self.pair(), parse=self.parse, port=self.port, forgetful=True)

    @property
    def url(self):
        return f"https://localhost:{self.port}/records"


class Otlp(Https):
    name, parse = "otlp", staticmethod(test_sink_otlp.ids)

    @property
    def url(self):
        return f"otlp+https://localhost:{self.port}"

    @staticmethod
    def faults(seconds):
        rejected = receiver.answer(200, json.dumps({"partialSuccess": {"rejectedLogRecords": "1"}}).encode())
        script = in_between(rejected, rejected, good=receiver.answer())
        return {**http_faults(seconds), "rejects in part": Fault(*script)}


# ---- the forward protocol --------------------------------------------------------------------------------

class Slowly(fluent_receiver.Connection):
    step, pause = 512, 0.001


def fluent_faults(_):
    def script(*bad):
        return Fault(*in_between(*bad, good=fluent_receiver.ack()))
    return {
        "refuses connections": Fault(away=True),
        "hangs before the body": Fault(silent=True),
        "hangs after the body": script(fluent_receiver.no_ack()),
        "resets in the middle": script(fluent_receiver.reset(), fluent_receiver.reset()),
        "closes after the body": script(fluent_receiver.hang_up(), fluent_receiver.hang_up()),
        "answers after the time-out": script(fluent_receiver.late(), fluent_receiver.late()),
        "answers garbage": script(fluent_receiver.garbage()),
        "acks the wrong chunk": script(fluent_receiver.wrong_chunk(), fluent_receiver.last_chunk()),
        "half an ack, then silence": script(fluent_receiver.half_ack()),
        "half an ack, then the end": script(fluent_receiver.half_ack(close=True), fluent_receiver.half_ack(close=True)),
        "an ack too many": script(fluent_receiver.ack_and_more()),
        "answer that drips": Fault(otherwise=fluent_receiver.drip(0.001)),
        "slow reader": Fault(slow=True),
        "closes after each request": Fault(otherwise=fluent_receiver.ack(close=True)),
    }


class Fluent(FarEnd):
    name, faults, scheme = "fluent", staticmethod(fluent_faults), "fluent://127.0.0.1"

    def begin(self):
        self.at = FluentReceiver(self.case, script=self.fault.script, tls=self.pair(), port=self.port, forgetful=True,
                                 otherwise=self.fault.otherwise or fluent_receiver.ack(), handshake=self.handshake())
        if self.fault.slow:
            self.at.connection = Slowly

    def honest(self):
        """Its handshake, when it has one."""
        return None

    def handshake(self):
        return fluent_receiver.Silent("") if self.fault.silent else self.honest()

    def mend(self):
        super().mend()
        self.at.handshake = self.honest()

    @property
    def url(self):
        return f"{self.scheme}:{self.port}"


class FluentTls(Fluent):
    """With a shared key as well."""
    name, tls, scheme, keys = "fluent+tls", True, "fluent+tls://localhost", {"shared_key": SHARED_KEY}

    @staticmethod
    def faults(seconds):
        return {**fluent_faults(seconds),
                "certificate expired": Fault(certificate="expired"),
                "certificate of another host": Fault(certificate="of another host"),
                "certificate of another authority": Fault(certificate="of another authority")}

    def honest(self):
        return fluent_receiver.Handshake(SHARED_KEY)


# ---- syslog ----------------------------------------------------------------------------------------------

WINDOW = 20


def syslog_faults(_):
    return {
        "refuses connections": Fault(away=True),
        "hangs before the body": Fault("hang", "take", silent=True),
        "resets in the middle": Fault("reset 3", "half 5", "reset", "half 20", "take"),
        "slow reader": Fault("slow"),
        "closes after each record": Fault(*["close 1"] * 20, "take"),
        "closes after some records": Fault("close 7", "close 30", "take"),
        "goes with more unread than the window": Fault(
            "hang", "take", silent=True, keys={"window": WINDOW}, may_lose=lambda sent: sent - WINDOW,
            why=f"syslog has no acknowledgement: what is sent again are the last {WINDOW} (window)"),
    }


class Syslog(FarEnd):
    name, faults, scheme, acknowledges = "syslog+tcp", staticmethod(syslog_faults), "syslog+tcp", False

    def begin(self):
        pair = self.pair()
        self.at = syslog_receiver.Receiver(self.fault.script or ["take"], context=self.context(pair) if pair else None,
                                           port=self.port)
        self.case.undo(self.at.stop)

    def end(self):
        self.at.stop()
        self.before.append(self.at)

    def mend(self):
        super().mend()
        if self.fault.silent:
            self.at.release()

    @staticmethod
    def ids_of(at):
        return [one["record_id"] for one in at.bodies()]

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"


class SyslogTls(Syslog):
    name, tls, scheme = "syslog+tls", True, "syslog+tls"

    @staticmethod
    def faults(seconds):
        return {**syslog_faults(seconds),
                "certificate expired": Fault(certificate="expired"),
                "certificate of another host": Fault(certificate="of another host"),
                "certificate of another authority": Fault(certificate="of another authority")}


# ---- files -----------------------------------------------------------------------------------------------

class File(FarEnd):
    name, keys = "file", {}

    def __init__(self, case, certificates, fault=Fault()):
        self.case, self.fault = case, fault
        self.keys = {"batch": 10}
        self.path = f"{case.scratch()}/records"
        os.chmod(os.path.dirname(self.path), 0o777)

    @staticmethod
    def faults(_):
        return {}

    @property
    def url(self):
        return f"file://{self.path}"

    def end(self):
        """Nothing can be written there."""
        os.rename(self.path, f"{self.path}.aside")
        os.mkdir(self.path)

    def begin(self):
        os.rmdir(self.path)
        os.rename(f"{self.path}.aside", self.path)

    def arrived(self):
        try:
            with open(self.path, "rb") as file:
                lines = file.read().split(b"\n")
        except (FileNotFoundError, IsADirectoryError):
            return []
        return [json.loads(line)["record_id"] for line in lines[:-1]]


KINDS = (Https, Otlp, Fluent, FluentTls, Syslog, SyslogTls, File)
