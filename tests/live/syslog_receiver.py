"""A receiver of syslog that misbehaves by script: RFC 6587's octet counting by TCP or TLS, lines by a Unix socket.

    with Receiver(["reset 3", "take"]) as receiver:
        …                                # url: syslog+tcp://127.0.0.1:{receiver.port}
        receiver.messages                # what arrived, whole, in its order and with doubles

Each connection is handled by the next word of the script, and all later ones by its last:

    take        reads all
    close N     reads N messages, and ends the connection in order, as far as it may: with bytes unread it is a reset
    reset N     reads N messages, and resets the connection
    half N      reads N messages and some bytes of the next, and resets the connection
    slow        reads some bytes now and then
    hang        reads nothing until `release()`, and then closes"""

import json
import re
import socket
import ssl
import struct
import threading

MESSAGE = re.compile(rb"<(\d+)>1 (\S+) (\S+) (\S+) (\S+) (\S+) (-|\[(?:[^\]\\\"]|\"(?:\\.|[^\"\\\]])*\")*\]) (.*)", re.S)
LONG = 60  # seconds in which a receiver that was left alone gives up


class Receiver:
    def __init__(self, script=("take",), context=None, path=None, port=0):
        self.script, self.context, self.path = list(script), context, path
        self.messages, self.connections, self.faults = [], 0, []
        self.listener = None
        self.released = threading.Event()
        self.threads, self.open = [], []
        self.port = port
        self.start()

    def start(self):
        """Listens, again at the same place after a stop."""
        self.released.clear()
        self.listener = socket.socket(socket.AF_UNIX if self.path else socket.AF_INET)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(self.path or ("127.0.0.1", self.port))
        self.listener.listen(16)
        if not self.path:
            self.port = self.listener.getsockname()[1]
        self.begin(self.accept, self.listener)

    def stop(self):
        """Refuses connections from now on, and ends those that are there."""
        self.released.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for connection in self.open:
            try:
                connection.shutdown(socket.SHUT_RDWR)  # wakes who reads from it
            except OSError:
                pass
        for thread in self.threads:
            thread.join()
        for connection in self.open:
            connection.close()
        self.threads, self.open = [], []

    def release(self):
        self.released.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def begin(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    # ---- what arrived --------------------------------------------------------------------------------

    def bodies(self):
        """The JSON of each message, those in parts joined."""
        parts, found = {}, []
        for message in list(self.messages):
            data, body = MESSAGE.fullmatch(message).group(7, 8)
            part = re.search(rb' part="(\d+)" parts="(\d+)"\]$', data)
            if not part:
                found.append(json.loads(body))
                continue
            key = data[:part.start()]
            parts[key] = (b"" if part[1] == b"1" else parts[key]) + body
            if part[1] == part[2]:
                found.append(json.loads(parts.pop(key)))
        return found

    # ---- connections ---------------------------------------------------------------------------------

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            word = self.script[min(self.connections, len(self.script) - 1)]
            self.connections += 1
            self.open.append(connection)
            self.begin(self.serve, connection, word)

    def serve(self, connection, word):
        kind, _, count = word.partition(" ")
        try:
            connection.settimeout(LONG)
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
                self.open.append(connection)
            getattr(self, kind)(connection, int(count or 0))
        except (OSError, ValueError) as error:
            self.faults.append(str(error))
            connection.close()

    def take(self, connection, _):
        while self.take_message(connection):
            continue
        self.finish(connection)

    def close(self, connection, count):
        if all(self.take_message(connection) for _ in range(count)):
            self.finish(connection)

    def reset(self, connection, count=0):
        try:
            if all(self.take_message(connection) for _ in range(count)):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        connection.close()

    def half(self, connection, count):
        if all(self.take_message(connection) for _ in range(count)):
            connection.recv(40)
            self.reset(connection)

    def slow(self, connection, _):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while self.take_message(connection, step=512):
            self.released.wait(0.001)
        self.finish(connection)

    def hang(self, connection, _):
        self.released.wait(LONG)
        connection.close()

    def finish(self, connection):
        """In order: under TLS with its word for that."""
        if isinstance(connection, ssl.SSLSocket):
            connection.settimeout(1)
            try:
                connection = connection.unwrap()
            except OSError:
                pass
        connection.close()

    # ---- messages ------------------------------------------------------------------------------------

    def take_bytes(self, connection, count, step=65536):
        data = b""
        while len(data) < count:
            got = connection.recv(min(step, count - len(data)))
            if not got:
                return None
            data += got
        return data

    def take_until(self, connection, end):
        data = b""
        while not data.endswith(end):
            byte = connection.recv(1)
            if not byte:
                return None
            data += byte
        return data[:-1]

    def take_message(self, connection, step=65536):
        """False at the end."""
        if self.path:
            message = self.take_until(connection, b"\n")
        else:
            length = self.take_until(connection, b" ")
            message = None if length is None else self.take_bytes(connection, int(length), step)
        if message is not None:
            self.messages.append(message)
        return message is not None


class Datagrams:
    """The like of /dev/log: a socket of datagrams."""

    def __init__(self, path):
        self.path, self.messages = path, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(LONG)

    def take(self, count):
        self.messages += [self.socket.recv(1 << 20) for _ in range(count)]
        return self.messages[-count:]

    def close(self):
        self.socket.close()
