"""A receiver of the forward protocol that behaves, and misbehaves, by script, and knows what has arrived.

    receiver = FluentReceiver(case, script=[wrong_chunk(), half_ack()], otherwise=ack())

Each chunk takes the next behaviour of the script, and `otherwise` when that is through. A behaviour is a function
of an Exchange. A record is in `arrived` when its chunk was read whole, whatever was said of it then, for the
receiver may have kept it. One that is `forgetful` kept only what it acknowledged."""

import collections
import hashlib
import os
import socket
import struct
import threading
import time
import zlib

import packed
from receiver import Listening

NONCE = b"nonce\x00of 16 bytes"


def ids(records):
    return [record.get("record_id", record.get("id")) for record in records]


class Chunk:
    """A message as it was sent: its tag, its entries [[time, record], …], its option."""

    def __init__(self, message, connection):
        if not isinstance(message, list):
            raise ValueError(f"no message of the forward protocol: {message}")
        self.tag, self.data, self.option = message
        self.connection = connection
        plain = zlib.decompress(self.data, 31) if self.option.get("compressed") == "gzip" else self.data
        self.entries = packed.unpack_all(plain)
        if self.option["size"] != len(self.entries):
            raise ValueError(f"{self.option} of {len(self.entries)} entries")

    @property
    def id(self):
        return self.option["chunk"]

    @property
    def records(self):
        return [record for _, record in self.entries]

    @property
    def times(self):
        """(seconds, nanoseconds) of each entry, from its EventTime."""
        for (kind, data), _ in self.entries:
            if kind != 0 or len(data) != 8:
                raise ValueError("no EventTime")
        return [struct.unpack(">II", data) for (_, data), _ in self.entries]


class Exchange:
    """A chunk and the means to answer it."""

    def __init__(self, receiver, connection, chunk):
        self.receiver, self.connection, self.chunk = receiver, connection, chunk
        self.open, self.kept = True, False

    def send(self, value):
        if value == {"ack": self.chunk.id}:
            self.keep()
        self.connection.socket.sendall(packed.pack(value))

    def keep(self):
        """The records are in safe hands: before it is said, and once."""
        if not self.kept:
            self.receiver.take(self.chunk)
        self.kept = True

    def send_bytes(self, data):
        self.connection.socket.sendall(data)

    def wait(self):
        """Until whoever sent it has gone, or the receiver ends."""
        self.connection.wait()
        self.open = False


# ---- behaviours: of a chunk ----------------------------------------------------------------------------

def ack(close=False):
    def behave(exchange):
        exchange.send({"ack": exchange.chunk.id})
        exchange.open = not close
    return behave


def answer(value):
    """This value in place of the acknowledgement."""
    def behave(exchange):
        exchange.send(value)
        exchange.wait()
    return behave


def wrong_chunk():
    return answer({"ack": "AAAAAAAAAAAAAAAAAAAAAA=="})


def last_chunk():
    """Acknowledges the chunk before once more."""
    def behave(exchange):
        exchange.send({"ack": exchange.receiver.chunks[-2].id})
        exchange.wait()
    return behave


def half_ack(close=False):
    """The first bytes of it, and then silence or the end."""
    def behave(exchange):
        whole = packed.pack({"ack": exchange.chunk.id})
        exchange.send_bytes(whole[:len(whole) // 2])
        if not close:
            exchange.wait()
        exchange.open = False
    return behave


def ack_and_more():
    def behave(exchange):
        exchange.send({"ack": exchange.chunk.id})
        exchange.send({"ack": exchange.chunk.id})
        exchange.wait()
    return behave


def no_ack():
    def behave(exchange):
        exchange.wait()
    return behave


def hang_up():
    """Closes in place of an acknowledgement."""
    def behave(exchange):
        exchange.open = False
    return behave


def reset():
    """Breaks the connection off so that the other side gets an error (SO_LINGER, socket(7))."""
    def behave(exchange):
        exchange.connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        exchange.open = False
    return behave


def late():
    """The acknowledgement comes when nobody waits for it any more."""
    def behave(exchange):
        exchange.wait()
        try:
            exchange.send({"ack": exchange.chunk.id})
        except OSError:
            pass
    return behave


def drip(seconds=0.01):
    """The acknowledgement, a byte at a time."""
    def behave(exchange):
        exchange.keep()
        for byte in packed.pack({"ack": exchange.chunk.id}):
            exchange.send_bytes(bytes([byte]))
            if exchange.receiver.ended.wait(seconds):
                return
    return behave


def garbage(data=b"\xc1HTTP/1.1 400 Bad Request\r\n\r\n"):
    def behave(exchange):
        exchange.send_bytes(data)
        exchange.wait()
    return behave


def giant():
    """An acknowledgement without end."""
    def behave(exchange):
        exchange.send_bytes(b"\x81\xa3ack\xdb\xff\xff\xff\xff")
        while not exchange.receiver.ended.is_set():
            exchange.send_bytes(b"x" * 65536)
    return behave


# ---- behaviours: of the handshake ----------------------------------------------------------------------

class Handshake:
    """An honest one; what lies overrides a part of it."""

    hostname = "receiver"

    def __init__(self, shared_key, keepalive=True, users=None):
        self.shared_key, self.keepalive, self.users = shared_key.encode(), keepalive, users or {}
        self.auth = b"salt of users" if users else b""

    def helo(self):
        return ["HELO", {"nonce": NONCE, "auth": self.auth, "keepalive": self.keepalive}]

    def key_digest(self, salt, hostname):
        return hashlib.sha512(salt.encode() + hostname.encode() + NONCE + self.shared_key).hexdigest()

    def is_right(self, ping):
        word, hostname, salt, digest, user, password = ping
        if word != "PING" or digest != self.key_digest(salt, hostname):
            return False
        known = self.auth + user.encode() + self.users.get(user, "").encode()
        return not self.users or user in self.users and password == hashlib.sha512(known).hexdigest()

    def pong(self, ping):
        if not self.is_right(ping):
            return ["PONG", False, "not right", self.hostname, ""]
        return ["PONG", True, "", self.hostname, self.key_digest(ping[2], self.hostname)]

    def shake(self, connection):
        connection.socket.sendall(packed.pack(self.helo()))
        ping = connection.message()
        if not isinstance(ping, list) or len(ping) != 6:
            return False
        pong = self.pong(ping)
        connection.socket.sendall(packed.pack(pong))
        return pong[1] is True


class WrongDigest(Handshake):
    """Does not know the key, and says yes."""

    def pong(self, ping):
        return ["PONG", True, "", self.hostname, hashlib.sha512(b"guessed").hexdigest()]


class Mirror(Handshake):
    """Does not know the key, and says what it was told."""

    def pong(self, ping):
        return ["PONG", True, "", ping[1], ping[3]]


class Silent(Handshake):
    def shake(self, connection):
        connection.wait()
        return False


class Says(Handshake):
    """These bytes in place of HELO."""

    def __init__(self, data):
        super().__init__("")
        self.data = data

    def shake(self, connection):
        connection.socket.sendall(self.data)
        connection.wait()
        return False


class SaysOfPing(Handshake):
    """This value in place of PONG."""

    def __init__(self, value):
        super().__init__("")
        self.value = value

    def pong(self, ping):
        return self.value

    def shake(self, connection):
        connection.socket.sendall(packed.pack(self.helo()))
        connection.message()
        connection.socket.sendall(packed.pack(self.value))
        connection.wait()
        return False


# ---- the receiver --------------------------------------------------------------------------------------

class Connection:
    step, pause = 1 << 20, 0  # bytes that are read at once, seconds before

    def __init__(self, accepted, number):
        self.socket, self.number, self.data = accepted, number, bytearray()

    def message(self):
        """The next value; None at the end."""
        while True:
            reader = packed.Reader(self.data)
            try:
                value = reader.value()
                del self.data[:reader.at]
                return value
            except packed.Incomplete:
                time.sleep(self.pause)
                more = self.socket.recv(self.step)
                if not more:
                    return None
                self.data += more

    def wait(self):
        try:
            while self.socket.recv(65536):
                pass
        except OSError:
            pass


class FluentReceiver(Listening):
    """Listens on loopback, or at `path`, until its keeper undoes it. `tls`: (certificate, key); `clients`: the file
    of the authority whose certificates they have to show."""

    def __init__(self, keeper, script=(), otherwise=ack(), handshake=None, tls=None, clients=None, path=None, port=0,
                 forgetful=False):
        self.script, self.otherwise, self.handshake = collections.deque(script), otherwise, handshake
        self.chunks, self.arrived, self.failed, self.connections, self.ended_connections = [], [], [], 0, 0
        self.ended, self.lock, self.sockets = threading.Event(), threading.Lock(), []
        self.context = self.make_context(tls, clients) if tls else None
        self.path, self.forgetful, self.connection = path, forgetful, Connection
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            os.chmod(path, 0o777)
            self.listener.listen()
            self.url = f"fluent+unix://{path}"
        else:
            self.listener = socket.create_server(("127.0.0.1", port))
            self.port = self.listener.getsockname()[1]
            self.url = f"fluent+tls://localhost:{self.port}" if tls else f"fluent://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        keeper.undo(self.end)

    def talk(self, accepted, number):
        try:
            if self.context:
                accepted = self.context.wrap_socket(accepted, server_side=True)
                with self.lock:
                    self.sockets.append(accepted)
            connection = self.connection(accepted, number)
            if self.handshake and not self.handshake.shake(connection):
                return
            while self.exchange(connection):
                pass
        except (OSError, ValueError) as error:  # whoever sent has gone
            self.failed.append(str(error))
        finally:
            accepted.close()
            with self.lock:
                self.ended_connections += 1

    def open_connections(self):
        return self.connections - self.ended_connections

    def exchange(self, connection):
        """A chunk; whether another can follow."""
        message = connection.message()
        if message is None:
            return False
        chunk = Chunk(message, connection.number)
        with self.lock:
            behave = self.script.popleft() if self.script else self.otherwise
            self.chunks.append(chunk)
        exchange = Exchange(self, connection, chunk)
        if not self.forgetful:
            exchange.keep()
        behave(exchange)
        return exchange.open

    def take(self, chunk):
        with self.lock:
            self.arrived += ids(chunk.records)

    def doubles(self):
        """How many records came again."""
        return len(self.arrived) - len(set(self.arrived))

    def first_arrivals(self):
        """The ids, each where it came first."""
        return list(dict.fromkeys(self.arrived))

    def end(self):
        self.ended.set()
        with self.lock:
            for each in [self.listener, *self.sockets]:
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.listener.close()
        self.thread.join()
