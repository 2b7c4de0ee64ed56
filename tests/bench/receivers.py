"""Receivers on loopback that take records as fast as they come, for the bench: nginx, and readers of streams."""

import os
import re
import socket
import ssl
import subprocess
import threading

import harness
import packed
from certificates import Authority

TURN = 1 << 20  # bytes that are read at once


class Nginx:
    """Reads each body whole, asks a server of its own that says 204, and hands that on. It is not asked to
    connect anew."""
    SETTINGS = """
        daemon off; master_process off; user root; error_log {directory}/error.log; pid {directory}/pid;
        worker_processes 1; events {{ worker_connections 64; }}
        http {{
            client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
            fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
            log_format seen '$status'; access_log off;
            server {{
                listen 127.0.0.1:{port} ssl http2; server_name localhost; access_log {directory}/access.log seen;
                ssl_certificate {server[0]}; ssl_certificate_key {server[1]};
                client_max_body_size 64m; client_body_buffer_size 8m; keepalive_requests 1000000;
                location / {{
                    proxy_pass http://unix:{directory}/answers; proxy_method GET; proxy_pass_request_body off;
                    proxy_set_header Content-Length "";
                }}
            }}
            server {{ listen unix:{directory}/answers; return 204; }}
        }}
    """

    def __init__(self, case, server):
        self.case, self.server, self.directory = case, server, case.scratch()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    def start(self):
        with open(f"{self.directory}/nginx.conf", "w", encoding="utf-8") as file:
            file.write(self.SETTINGS.format(directory=self.directory, port=self.port, server=self.server))
        process = subprocess.Popen([harness.find_command("nginx"), "-c", f"{self.directory}/nginx.conf"],
                                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.case.undo(harness.end_daemon, process)
        self.case.wait_for(lambda: os.path.exists(f"{self.directory}/pid"))

    def requests(self):
        """How many were answered with 204; others are an error."""
        with open(f"{self.directory}/access.log", encoding="ascii") as file:
            statuses = re.findall(r"\d+", file.read())
        if set(statuses) - {"204"}:
            raise SystemExit(f"nginx answered {sorted(set(statuses))}")
        return len(statuses)


class Reader:
    """Reads whatever is sent to it, by TCP or TLS, and counts the records. `take`: removes what is whole from the
    front of a bytearray; returns the records in it and the answer."""

    def __init__(self, case, take, tls=None):
        self.take, self.context, self.records = take, None, 0
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*tls)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()
        case.undo(self.end)

    def serve(self):
        while True:
            try:
                accepted, _ = self.listener.accept()
                with self.context.wrap_socket(accepted, server_side=True) if self.context else accepted as connection:
                    self.read(connection)
            except ConnectionError:
                continue
            except OSError:
                return

    def read(self, connection):
        data = bytearray()
        while part := connection.recv(TURN):
            data += part
            count, answer = self.take(data)
            self.records += count
            if answer:
                connection.sendall(answer)

    def end(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def take_syslog(data):
    """Messages by octet counting (RFC 6587)."""
    at = count = 0
    while (space := data.find(b" ", at, at + 10)) >= 0:
        end = space + 1 + int(data[at:space])
        if end > len(data):
            break
        at, count = end, count + 1
    del data[:at]
    return count, b""


def take_fluent(data):
    """Chunks of the forward protocol, acknowledged."""
    count, answer, reader = 0, b"", packed.Reader(data)
    whole = 0
    try:
        while reader.at < len(data):
            _, _, option = reader.value()
            count, whole = count + option["size"], reader.at
            answer += packed.pack({"ack": option["chunk"]})
    except packed.Incomplete:
        pass
    del data[:whole]
    return count, answer


def make_authority(case):
    """One and what it issued for localhost."""
    authority = Authority(case.scratch())
    return authority, authority.issue("server")
