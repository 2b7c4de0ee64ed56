"""Stand-ins for what Proctor asks: an HTTP server on loopback, on a Unix socket, or in a network namespace of its
own or a given one, that answers well or badly and counts what it was asked."""

import ctypes
import fcntl
import json
import os
import socket
import socketserver
import struct
import threading

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


class Handler(socketserver.StreamRequestHandler):
    """One request: its path is counted, and the server's answer for it given."""

    def handle(self):
        line = self.rfile.readline(65536).split()
        while self.rfile.readline(65536).strip():
            pass
        method, path = (word.decode() for word in line[:2])
        with self.server.lock:
            self.server.asked.append((method, path))
        answer = self.server.answers.get(path, status(404))
        try:
            if callable(answer):
                answer(self.wfile)
            else:
                self.wfile.write(answer)
        except OSError:  # whoever asked has gone
            pass


class TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads, allow_reuse_address, block_on_close = True, True, False


class UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads, block_on_close = True, False


class StandIn:
    """A server until its keeper undoes it. `answers`: bytes, or what writes them, by path. `network`: path of the
    network namespace in which it listens."""

    def __init__(self, keeper, answers, path=None, port=0, own_network=False, network=None):
        self.ready, self.server, self.network, self.own_network = threading.Event(), None, network, own_network
        self.thread = threading.Thread(target=self.serve, args=(answers, path, port), daemon=True)
        self.thread.start()
        self.ready.wait()
        keeper.undo(self.stop)

    def serve(self, answers, path, port):
        try:
            if self.own_network:
                self.network = enter_own_network()
            elif self.network:
                enter_network(self.network)
            self.server = UnixServer(path, Handler) if path else TcpServer(("127.0.0.1", port), Handler)
            self.server.answers, self.server.asked, self.server.lock = answers, [], threading.Lock()
        finally:
            self.ready.set()
        self.server.serve_forever(poll_interval=0.05)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def asked(self):
        """The paths it was asked for, all by GET."""
        assert all(method == "GET" for method, _ in self.server.asked), self.server.asked
        return sorted(path for _, path in self.server.asked)


def enter_own_network():
    """Puts this thread into a network namespace of its own; returns its path."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        flags = struct.unpack("16sh", fcntl.ioctl(any_socket, SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))[:18])
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags[1] | IFF_UP))
    return f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net"


def enter_network(path):
    """Puts this thread into the network namespace at `path`."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path, "rb") as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


# ---- answers -------------------------------------------------------------------------------------------

def status(code, body=b"", *headers):
    head = [f"HTTP/1.1 {code} Word", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def document(value):
    return status(200, json.dumps(value).encode(), "Content-Type: application/json")


def zeros(told):
    """1 GiB of zeros, its length told or not."""
    def write(file):
        file.write(b"HTTP/1.1 200 OK\r\n" + (b"Content-Length: 1073741824\r\n" if told else b"") + b"\r\n")
        for _ in range(1024):
            file.write(bytes(1 << 20))
    return write


def drip(stop):
    """A byte now and then, until `stop` is set."""
    def write(file):
        file.write(b"HTTP/1.1 200 OK\r\n\r\n[")
        while not stop.wait(0.05):
            file.write(b" ")
    return write
