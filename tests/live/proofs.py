"""Real programs, started as their packages do, and how it is seen that they work: for `proctor run --prove`.

python3 tests/live/proofs.py [PROGRAM …] runs the proofs and prints them as a table (make proofs)."""

import contextlib
import json
import os
import pathlib
import pwd
import shlex
import socket
import struct
import subprocess
import sys
import tempfile

import harness
import tracepoint

WITHIN = "4s"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}  # of services, not of who runs the tests


class Program:
    """`needs`: what has to be installed; `user`: what it becomes, which has to be there. `make` gets a Place and gives the
    command line, the check and what is to be run before each start (None: nothing). `why`: why what was learned is not
    what was proven."""

    def __init__(self, name, needs, make, user=None, why=None):
        self.name, self.needs, self.make, self.user, self.why = name, needs, make, user, why

    def missing(self):
        """What it lacks here; empty: nothing."""
        lacks = [name for name in self.needs if not harness.find_command(name)]
        try:
            if self.user:
                pwd.getpwnam(self.user)
        except KeyError:
            lacks.append(f"user {self.user}")
        return ", ".join(lacks)


class Place:
    """A directory and a port of its own, below 1024: one that no one but who has CAP_NET_BIND_SERVICE may bind."""

    def __init__(self, directory):
        self.directory, self.port = directory, low_port()

    def path(self, name):
        return f"{self.directory}/{name}"

    def write(self, name, text):
        path = pathlib.Path(self.path(name))
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
        return str(path)

    def make(self, name, mode=0o755):
        path = pathlib.Path(self.path(name))
        path.mkdir(mode=mode)
        path.chmod(mode)
        return str(path)

    def ask(self, how, *words):
        return shlex.join([sys.executable, str(pathlib.Path(__file__).absolute()), "--ask", how, str(self.port), *words])


def low_port():
    for port in range(600, 1024):
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as tried:
                    tried.bind(("127.0.0.1", port))
            return port
        except OSError:
            continue
    raise OSError("no port from 600 to 1023 is free")


# ---- asking: exits with 0 when the answer is right ------------------------------------------------------

def ask_http(port):
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return b" 200 " in connection.recv(4096).split(b"\n")[0]


def ask_datagram(port, question):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(1)
        asking.connect(("127.0.0.1", port))
        asking.send(question)
        return asking.recv(4096)


def ask_dns(port):
    """The address of proctor.test."""
    question = struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + b"\7proctor\4test\0" + struct.pack(">2H", 1, 1)
    return ask_datagram(port, question).endswith(bytes([127, 0, 0, 9]))


def ask_ntp(port):
    return len(ask_datagram(port, bytes([0x23]) + bytes(47))) >= 48


def ask_syslog(port, path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect(("127.0.0.1", port))
        asking.send(b"<13>Oct 11 22:14:15 here proctor: asked")
    return b"asked" in pathlib.Path(path).read_bytes()


def ask_capture(port, path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.sendto(b"captured", ("127.0.0.1", port))
    return b"captured" in pathlib.Path(path).read_bytes()


def ask(how, port, *words):
    try:
        answered = globals()[f"ask_{how}"](int(port), *words)
    except OSError:
        answered = False
    return 0 if answered else 1


# ---- the programs ---------------------------------------------------------------------------------------

def nginx(place):
    place.write("index.html", "here\n")
    body = place.path("body")
    conf = place.write("nginx.conf", f"""
        user www-data; worker_processes 1; pid {place.path("pid")}; error_log stderr; events {{}}
        http {{
            access_log off; client_body_temp_path {body};
            proxy_temp_path {body}-p; fastcgi_temp_path {body}-f; uwsgi_temp_path {body}-u; scgi_temp_path {body}-s;
            server {{ listen 127.0.0.1:{place.port}; root {place.directory}; }}
        }}""")
    return ["nginx", "-c", conf, "-g", "daemon off;"], place.ask("http"), f"rm -rf {body}*"


def haproxy(place):
    conf = place.write("haproxy.cfg", f"""
global
    chroot {place.make("empty")}
    user haproxy
    group haproxy
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend here
    bind 127.0.0.1:{place.port}
    http-request return status 200
""")
    return ["haproxy", "-db", "-f", conf], place.ask("http"), None


def as_user(user, directory, *argv):
    """As the entry points of images do that are started as root."""
    return ["sh", "-ec", 'chown "$0" "$1"; shift; exec setpriv --reuid="$0" --regid="$0" --init-groups "$@"', user, directory,
            *argv]


def redis(place):
    data = place.make("data", 0o700)
    return (as_user("redis", data, "redis-server", "--bind", "127.0.0.1", "--port", str(place.port + 20000), "--dir", data,
                    "--save", ""),
            f"redis-cli -p {place.port + 20000} ping | grep -q PONG", f"chown 0:0 {data}")


def postgres_tool(name):
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else name


def postgresql(place):
    data = place.make("data", 0o700)
    subprocess.run(["chown", "postgres", data], check=True)
    subprocess.run(["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", postgres_tool("initdb"), "-D", data,
                    "-A", "trust", "--no-sync"], check=True, stdout=subprocess.DEVNULL, cwd="/")
    port = str(place.port + 20000)
    return (as_user("postgres", data, postgres_tool("postgres"), "-D", data, "-h", "127.0.0.1", "-p", port, "-k", ""),
            f"psql -h 127.0.0.1 -p {port} -U postgres -c 'select 1'", f"chown 0:0 {data}; rm -f {data}/postmaster.pid")


def unbound(place):
    conf = place.write("unbound.conf", f"""
server:
    interface: 127.0.0.1@{place.port}
    username: unbound
    chroot: ""
    directory: {place.directory}
    pidfile: ""
    do-daemonize: no
    use-syslog: no
    auto-trust-anchor-file: ""
    module-config: "iterator"
    local-data: "proctor.test. A 127.0.0.9"
remote-control:
    control-enable: no
""")
    return ["unbound", "-d", "-c", conf], place.ask("dns"), None


def dnsmasq(place):
    return (["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--no-resolv", "--no-hosts",
             "--bind-interfaces", "--listen-address=127.0.0.1", f"--port={place.port}", "--user=nobody", "--group=nogroup",
             "--address=/proctor.test/127.0.0.9"], place.ask("dns"), None)


def sshd(place):
    """Whoever logs in is sync, whose shell ends at once."""
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place.path(name)], check=True)
    conf = place.write("sshd_config", f"""
Port {place.port}
ListenAddress 127.0.0.1
HostKey {place.path("host")}
PidFile none
AuthorizedKeysFile {place.path("key.pub")}
StrictModes no
UsePAM no
PrintLastLog no
""")
    check = shlex.join(["ssh", "-q", "-F", "none", "-i", place.path("key"), "-p", str(place.port), "-o", "StrictHostKeyChecking=no",
                        "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "sync@127.0.0.1"])
    return [harness.find_command("sshd"), "-D", "-e", "-f", conf], check, "mkdir -p -m 755 /run/sshd"


def chronyd(place):
    conf = place.write("chrony.conf", f"""
port {place.port}
bindaddress 127.0.0.1
allow 127.0.0.1
local stratum 10
cmdport 0
bindcmdaddress /
pidfile {place.path("pid")}
user _chrony
""")
    return ["chronyd", "-x", "-d", "-f", conf], place.ask("ntp"), f"rm -f {place.path('pid')}"


def ping(place):
    del place
    return ["ping", "-c1", "127.0.0.1"], None, None


def tcpdump(place):
    into = place.path("captured")
    return (["tcpdump", "-i", "lo", "-Z", "nobody", "-U", "-w", into, "udp", "port", str(place.port)],
            place.ask("capture", into), f"rm -f {into}")


def rsyslogd(place):
    into = place.path("messages")
    conf = place.write("rsyslog.conf", f"""
module(load="imudp")
global(workDirectory="{place.directory}")
$PrivDropToUser nobody
$PrivDropToGroup nogroup
input(type="imudp" address="127.0.0.1" port="{place.port}")
*.* action(type="omfile" file="{into}")
""")
    return (["rsyslogd", "-n", "-f", conf, "-i", place.path("pid")], place.ask("syslog", into),
            f"rm -f {place.path('pid')} {into}; touch {into}; chown nobody {into}")


def httpd(place):
    place.write("index.html", "here\n")
    return (["busybox", "httpd", "-f", "-p", f"127.0.0.1:{place.port}", "-u", "www-data", "-h", place.directory],
            place.ask("http"), None)


def mount(place):
    return (["sh", "-ec", 'mount -t tmpfs none "$0"; touch "$0/f"; umount "$0"', place.make("on")], None, None)


PROGRAMS = (
    Program("nginx", ["nginx"], nginx, "www-data"),
    Program("haproxy", ["haproxy"], haproxy, "haproxy"),
    Program("redis", ["redis-server", "redis-cli", "setpriv"], redis, "redis"),
    Program("postgresql", ["psql", postgres_tool("postgres"), "setpriv"], postgresql, "postgres"),
    Program("unbound", ["unbound"], unbound, "unbound"),
    Program("dnsmasq", ["dnsmasq"], dnsmasq, "nobody"),
    Program("sshd", ["sshd", "ssh", "ssh-keygen"], sshd, "sync"),
    Program("chronyd", ["chronyd"], chronyd, "_chrony"),
    Program("ping", ["ping"], ping),
    Program("tcpdump", ["tcpdump"], tcpdump, "nobody"),
    Program("rsyslogd", ["rsyslogd"], rsyslogd, "nobody"),
    Program("busybox httpd", ["busybox"], httpd, "www-data"),
    Program("mount", ["mount"], mount),
)


def prove(program, directory):
    """What `proctor run --prove` told of it."""
    argv, check, before = program.make(Place(directory))
    words = ["--within", WITHIN, *(["--before", before] if before else []), *(["--check", check] if check else [])]
    done = subprocess.run([harness.PROCTOR, "run", "--prove", "--format", "json", *words, "--", *argv], check=False, cwd="/",
                          env=dict(ENVIRONMENT, **harness.WITHOUT_LEAKS), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=harness.TIMEOUT)
    if done.returncode:
        raise AssertionError(f"{program.name}: {done.stderr.decode(errors='replace')}")
    return json.loads(done.stdout)


# ---- the table ------------------------------------------------------------------------------------------

def words_of(capabilities):
    return " ".join(name[4:].lower() for name in capabilities) or "none"


def granted(program, directory):
    """The capabilities of which a check was granted until it worked; None: the kernel does not tell."""
    argv, check, before = program.make(Place(directory))
    if before:
        subprocess.run(["sh", "-c", before], check=True)
    try:
        return tracepoint.granted_until(argv, check, ENVIRONMENT)
    except OSError:
        return None


def more(program, proven):
    """What whoever takes each granted check for a need would tell besides."""
    with scratch() as directory:
        names = granted(program, directory)
    return "skipped: no tracepoint" if names is None else words_of([name for name in names if name not in proven])


def row(program, document):
    proof = document["proofs"][0]
    default = harness.names(harness.DOCKER_DEFAULT)
    beyond = [name for name in proof["proven"] if name not in default]
    less = len([name for name in default if name not in proof["proven"]])
    learned = "the same" if proof["learned"] == proof["proven"] else words_of(proof["learned"]) + (
        f": {program.why}" if program.why else "")
    return (program.name, words_of(proof["proven"]), learned,
            f"{less} less" + (f", and {words_of(beyond)} more" if beyond else ""), more(program, proof["proven"]))


@contextlib.contextmanager
def scratch():
    """A directory in which whoever a program becomes may look."""
    with tempfile.TemporaryDirectory(prefix="proctor-live-") as directory:
        os.chmod(directory, 0o755)
        yield directory


def main(chosen):
    print("| program | proven | learned | than docker's 14 | besides, of each granted check |\n|---|---|---|---|---|")
    for program in PROGRAMS:
        if chosen and program.name not in chosen:
            continue
        if program.missing():
            print(f"| {program.name} | skipped | not installed: {program.missing()} | | |")
            continue
        with scratch() as directory:
            print("| " + " | ".join(row(program, prove(program, directory))) + " |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ask"]:
        sys.exit(ask(*sys.argv[2:]))
    main(sys.argv[1:])
