"""A receiver by HTTP that behaves, and misbehaves, by script, and knows what has arrived.

    receiver = Receiver(case, script=[answer(500), hang()], otherwise=answer(200))

Each request takes the next behaviour of the script, and `otherwise` when that is through. A behaviour is a
function of an Exchange, which has the request and can answer it, wholly, partly or not at all. What it says
decides nothing about what has arrived: a record is in `arrived` when its request was read whole and was not
answered by a status of 4xx or 5xx, for then the receiver may have kept it. One that is `forgetful` kept nothing of
what it did not answer."""

import collections
import gzip
import json
import socket
import ssl
import struct
import threading
import time


def ids(body):
    """The ids of the records of a body of JSON, one a line or in an array."""
    text = body.decode()
    records = json.loads(text) if text.startswith("[") else map(json.loads, text.splitlines())
    return [record["record_id"] for record in records]


class Request:
    def __init__(self, line, headers, connection):
        self.method, self.path, _ = line.split(" ", 2)
        self.headers, self.connection = headers, connection
        self.body = self.raw = None  # raw: as it was sent; None: it did not come whole

    def take(self, raw):
        self.raw = raw
        self.body = gzip.decompress(raw) if self.headers.get("content-encoding") == "gzip" else raw


class Exchange:
    """A request and the means to answer it."""

    def __init__(self, receiver, connection, request):
        self.receiver, self.connection, self.request = receiver, connection, request
        self.status = 0  # none yet
        self.counted = False
        self.open = True

    def read(self, most=None):
        """Reads the body, or so many bytes of it."""
        length = int(self.request.headers.get("content-length", 0))
        data = self.connection.read(length if most is None else min(most, length))
        if len(data) == length:
            self.request.take(data)

    def send(self, data):
        self.connection.socket.sendall(data)

    def count(self, status=0):
        """The records have arrived, if they have: before an answer says so, and once."""
        self.status = self.status or status
        if self.request.body is not None and self.status < 400 and not self.counted:
            self.counted = True
            self.receiver.take(self.request.body)

    def answer(self, status, body=b"", headers=(), length=None):
        self.count(status)
        lines = [f"HTTP/1.1 {status} Told", f"Content-Length: {len(body) if length is None else length}",
                 *(f"{name}: {value}" for name, value in dict(headers).items())]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def wait(self):
        """Until whoever asked has gone, or the receiver ends."""
        try:
            while self.connection.socket.recv(65536):
                pass
        except OSError:
            pass
        self.open = False

    def reset(self):
        """Breaks the connection off so that the other side gets an error (SO_LINGER, socket(7))."""
        self.connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.detach()
        self.open = False


# ---- behaviours ----------------------------------------------------------------------------------------

def answer(status=200, body=b"", headers=(), close=False):
    def behave(exchange):
        exchange.read()
        exchange.answer(status, body, dict(headers, **({"Connection": "close"} if close else {})))
        exchange.open = not close
    return behave


def close_silently():
    """The answer does not say that the connection ends after it."""
    def behave(exchange):
        exchange.read()
        exchange.answer(200)
        exchange.open = False
    return behave


def too_many(seconds):
    """`seconds`: of Retry-After, a number or a date."""
    return answer(429, b"too many\n", {"Retry-After": seconds})


def too_large(most):
    """413 above so many bytes, told before the body is read."""
    def behave(exchange):
        if int(exchange.request.headers["content-length"]) <= most:
            return answer()(exchange)
        exchange.answer(413, b"too large\n", {"Connection": "close"})
        exchange.connection.socket.shutdown(socket.SHUT_WR)
        exchange.wait()
        return None
    return behave


def refuse(*bad, status=400, text=b"a record is wrong\n"):
    """400 to each request that holds one of the records."""
    def behave(exchange):
        exchange.read()
        wrong = set(bad) & set(exchange.receiver.ids(exchange.request.body))
        exchange.answer(status if wrong else 200, text if wrong else b"")
    return behave


def hang(read=True):
    """No answer, after the body or before it."""
    def behave(exchange):
        exchange.read(None if read else 0)
        exchange.wait()
    return behave


def hang_up(read=True):
    """The connection ends without an answer."""
    def behave(exchange):
        exchange.read(None if read else 0)
        exchange.open = False
    return behave


def reset(most=None):
    """The connection breaks after so many bytes of the body."""
    def behave(exchange):
        exchange.read(most)
        exchange.reset()
    return behave


def half_answer():
    """The connection breaks in the middle of the answer."""
    def behave(exchange):
        exchange.read()
        exchange.answer(200, b"half", length=100)
        exchange.open = False
    return behave


def slow(step=256, seconds=0.001):
    """The body is read a little at a time."""
    def behave(exchange):
        data, length = b"", int(exchange.request.headers["content-length"])
        while len(data) < length:
            data += exchange.connection.read(min(step, length - len(data)))
            if exchange.receiver.ended.wait(seconds):
                return
        exchange.request.take(data)
        exchange.answer(200)
    return behave


def for_a_while(bad, seconds):
    """That one for so long from the first exchange on, and then it is taken."""
    begun = []

    def behave(exchange):
        begun.append(time.monotonic())
        (bad if begun[-1] - begun[0] < seconds else answer())(exchange)
    return behave


def late():
    """The answer comes when nobody waits for it any more."""
    def behave(exchange):
        exchange.read()
        exchange.wait()
        try:
            exchange.answer(200)
        except OSError:
            pass
    return behave


def drip(data=b"HTTP/1.1 200 Told\r\nContent-Length: 100000\r\n\r\n", seconds=0.1):
    """A byte of it at a time, and then more without end."""
    def behave(exchange):
        exchange.read()
        exchange.count(200)
        for byte in data:
            exchange.send(bytes([byte]))
            if exchange.receiver.ended.wait(seconds):
                return
        while not exchange.receiver.ended.wait(seconds):
            exchange.send(b"x")
    return behave


def giant(status=200, headers=False):
    """A body, or headers, without end."""
    def behave(exchange):
        exchange.read()
        exchange.count(status)
        if headers:
            exchange.send(b"HTTP/1.1 %d Told\r\n" % status)
        else:
            exchange.answer(status, length=1 << 40)
        while not exchange.receiver.ended.is_set():
            exchange.send(b"X-Header: 1\r\n" * 1000 if headers else b"x" * 65536)
    return behave


def garbage(data):
    """These bytes instead of an answer."""
    def behave(exchange):
        exchange.read()
        exchange.send(data)
        exchange.open = False
    return behave


# ---- the receiver --------------------------------------------------------------------------------------

class Connection:
    def __init__(self, accepted, number):
        self.socket, self.number = accepted, number
        self.file = accepted.makefile("rb")

    def read(self, length):
        data = b""
        while len(data) < length:
            more = self.file.read(length - len(data))
            if not more:
                break
            data += more
        return data

    def head(self):
        """The request line and the headers; None when there is no more."""
        lines = []
        while line := self.file.readline(65536).decode("latin-1").rstrip("\r\n"):
            lines.append(line)
        if not lines:
            return None
        headers = dict(line.lower().split(": ", 1)[:1] + [line.split(": ", 1)[1]] for line in lines[1:])
        return lines[0], headers

    def wrap(self, context):
        """Speaks TLS from here on."""
        self.file.close()
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.file = self.socket.makefile("rb")

    def detach(self):
        """Closes it for good, whoever else holds it."""
        self.file.close()
        self.socket.close()


class Listening:
    """Gives each connection to `talk`, in a thread of its own. Whoever is one has `listener`, `ended`, `lock`,
    `connections` and `sockets`."""

    @staticmethod
    def make_context(tls, clients, version=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        if version:
            context.set_ciphers("ALL:@SECLEVEL=0")  # old versions take no other
            context.minimum_version = context.maximum_version = version
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients)
        return context

    def serve(self):
        while not self.ended.is_set():
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.sockets.append(accepted)
            threading.Thread(target=self.talk, args=(accepted, self.connections), daemon=True).start()


class Receiver(Listening):
    """Listens on loopback until its keeper undoes it. `tls`: (certificate, key); `clients`: the file of the
    authority whose certificates they have to show; `parse`: the ids of the records of a body."""

    def __init__(self, keeper, script=(), otherwise=answer(), tls=None, clients=None, parse=ids, version=None,
                 host="127.0.0.1", port=0, forgetful=False):
        self.script, self.otherwise, self.ids = collections.deque(script), otherwise, parse
        self.requests, self.arrived, self.failed, self.connections = [], [], [], 0
        self.ended, self.lock = threading.Event(), threading.Lock()
        self.context = self.make_context(tls, clients, version) if tls else None
        self.forgetful = forgetful
        self.listener = socket.create_server((host, port))
        self.port = self.listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{'localhost' if tls else host}:{self.port}/records"
        self.sockets = []
        threading.Thread(target=self.serve, daemon=True).start()
        keeper.undo(self.end)

    def talk(self, accepted, number):
        try:
            if self.context:
                accepted = self.context.wrap_socket(accepted, server_side=True)
            connection = Connection(accepted, number)
            try:
                while self.exchange(connection):
                    pass
            finally:
                connection.detach()
        except (OSError, ValueError) as error:  # whoever asked has gone
            self.failed.append(str(error))
            accepted.close()

    def exchange(self, connection):
        """One of them; whether another can follow."""
        head = connection.head()
        if not head:
            return False
        request = Request(*head, connection.number)
        exchange = Exchange(self, connection, request)
        with self.lock:
            behave = self.script.popleft() if self.script else self.otherwise
            self.requests.append(request)
        try:
            behave(exchange)
        finally:
            if not self.forgetful:
                exchange.count()
        return exchange.open and request.raw is not None

    def take(self, body):
        with self.lock:
            self.arrived += self.ids(body)

    def doubles(self):
        """How many records came again."""
        return len(self.arrived) - len(set(self.arrived))

    def first_arrivals(self):
        """The ids, each where it came first."""
        return list(dict.fromkeys(self.arrived))

    def end(self):
        self.ended.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        with self.lock:
            for accepted in self.sockets:
                try:
                    accepted.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
