"""rsyslogd and syslog-ng, each started on loopback with a configuration, files and sockets of its own.

The two cannot be installed side by side: SYSLOG_NG_ROOT names a directory that the package of the second was
unpacked to. Each writes what it parsed of a message as a line of JSON."""

import json
import os
import pathlib
import socket
import subprocess

import harness

RSYSLOG_FIELDS = ("pri", "protocol-version", "timereported", "hostname", "app-name", "procid", "msgid",
                  "structured-data", "msg")
SYSLOG_NG_FIELDS = {"pri": "PRI", "protocol-version": "", "timereported": "ISODATE", "hostname": "HOST",
                    "app-name": "PROGRAM", "procid": "PID", "msgid": "MSGID", "structured-data": "SDATA", "msg": "MSG",
                    "of-json": ".record.record_id"}


def syslog_ng():
    """Its program and the directory of its libraries; None: it is not there."""
    root = os.environ.get("SYSLOG_NG_ROOT", "")
    program = f"{root}/usr/sbin/syslog-ng" if root else harness.find_command("syslog-ng")
    libraries = f"{root}/usr/lib/syslog-ng"
    return (program, libraries) if program and os.access(program, os.X_OK) and os.path.isdir(libraries) else None


def missing(name):
    """Why the daemon cannot be used; None when it can."""
    if name == "syslog-ng":
        return None if syslog_ng() else "not installed: syslog-ng, nor named by SYSLOG_NG_ROOT"
    return None if harness.find_command("rsyslogd") else "not installed: rsyslogd"


class Certificates:
    """An authority, and what it signed: `server` for 127.0.0.1, `client`; `other` is by another authority."""

    def __init__(self, case):
        self.directory = pathlib.Path(case.scratch())
        self.case = case
        for authority, names in ("ca", ("server", "client")), ("other-ca", ("other",)):
            self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                         "-keyout", self.key(authority), "-out", self.certificate(authority), "-subj", f"/CN={authority}")
            for name in names:
                self.sign(authority, name)
        for path in self.directory.iterdir():
            path.chmod(0o644)

    def certificate(self, name):
        return f"{self.directory}/{name}.pem"

    def key(self, name):
        return f"{self.directory}/{name}.key"

    def openssl(self, *arguments):
        done = self.case.run_command("openssl", *arguments)
        self.case.assertEqual(done.returncode, 0, done.stderr)

    def sign(self, authority, name):
        request, extensions = f"{self.directory}/{name}.csr", f"{self.directory}/{name}.ext"
        pathlib.Path(extensions).write_text("subjectAltName=IP:127.0.0.1\n"
                                            "extendedKeyUsage=serverAuth,clientAuth\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key(name),
                     "-out", request, "-subj", f"/CN={name}")
        self.openssl("x509", "-req", "-in", request, "-CA", self.certificate(authority), "-CAkey", self.key(authority),
                     "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", self.certificate(name))


class Daemon:
    """One of them. `tls`: Certificates; `path`: a socket in place of a port."""

    def __init__(self, case, tls=None, path=None, most="8k", stream=False):
        self.case, self.tls, self.path, self.most, self.stream = case, tls, path, most, stream
        self.directory = case.scratch()
        self.output = pathlib.Path(self.directory) / "out"
        self.log = pathlib.Path(self.directory) / "log"
        self.port = case.free_port()
        self.process = None
        self.start()

    def start(self):
        configuration = f"{self.directory}/conf"
        pathlib.Path(configuration).write_text(self.configuration())
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(configuration), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment())
        self.case.undo(self.stop)
        self.case.wait_for(lambda: self.process.poll() is not None or self.listens())
        self.case.assertIsNone(self.process.poll(), self.log.read_text(errors="replace"))

    def listens(self):
        if self.path:
            return os.path.exists(self.path)
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=harness.TIMEOUT)

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=harness.TIMEOUT)
        if self.path and os.path.exists(self.path):
            os.unlink(self.path)

    def url(self, *keys):
        if self.path:
            base = f"syslog+unix://{self.path}"
        elif self.tls:
            base = f"syslog+tls://127.0.0.1:{self.port}"
            keys = (f"ca_file={self.tls.certificate('ca')}", f"certificate_file={self.tls.certificate('client')}",
                    f"key_file={self.tls.key('client')}", *keys)
        else:
            base = f"syslog+tcp://127.0.0.1:{self.port}"
        return base + ("#" + "&".join(keys) if keys else "")

    def received(self):
        """What it parsed; a last line may be underway."""
        if not self.output.exists():
            return []
        lines = self.output.read_bytes().split(b"\n")[:-1]
        return [json.loads(line) for line in lines]

    def environment(self):
        return dict(os.environ, LC_ALL="C.UTF-8")


class Rsyslog(Daemon):
    """With mmpstrucdata and mmjsonparse, which take structured data and JSON apart."""

    def command(self, configuration):
        return [harness.find_command("rsyslogd"), "-n", "-f", configuration, "-i", f"{self.directory}/pid"]

    def configuration(self):
        fields = "".join(f'constant(value="{"," if i else "{"}\\"{name}\\":") property(name="{name}" format="json"'
                         f'{" dateFormat=" + chr(34) + "rfc3339" + chr(34) if name == "timereported" else ""} '
                         f'outname="{name}")\n'.replace("property(", 'constant(value="\\"") property(')
                         + 'constant(value="\\"")\n' for i, name in enumerate(RSYSLOG_FIELDS))
        return f"""
global(workDirectory="{self.directory}" maxMessageSize="{self.most}" oversizemsg.report="on"
       oversizemsg.errorfile="{self.directory}/oversize" {self.tls_files()})
{self.input()}
module(load="mmpstrucdata")
module(load="mmjsonparse")
template(name="fields" type="list") {{
{fields}
constant(value=",\\"parsed\\":") property(name="$!") constant(value="}}\\n")
}}
ruleset(name="all") {{
    action(type="mmpstrucdata" sd_name.lowercase="off")
    action(type="mmjsonparse" cookie="" container="$!record")
    action(type="omfile" file="{self.output}" template="fields")
}}
"""

    def tls_files(self):
        if not self.tls:
            return ""
        return f"""defaultNetstreamDriverCAFile="{self.tls.certificate('ca')}"
            defaultNetstreamDriverCertFile="{self.tls.certificate('server')}"
            defaultNetstreamDriverKeyFile="{self.tls.key('server')}" """

    def input(self):
        if self.path:
            return f"""module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" socket="{self.path}" useSpecialParser="off" parseHostname="on"
      useSysTimeStamp="off" ignoreTimestamp="off" ruleset="all")"""
        driver = """StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/name"
            PermittedPeer=["client"]""" if self.tls else ""
        return f"""module(load="imtcp" {driver})
input(type="imtcp" port="{self.port}" address="127.0.0.1" ruleset="all")"""


class SyslogNg(Daemon):
    def environment(self):
        return dict(super().environment(), LD_LIBRARY_PATH=syslog_ng()[1])

    def command(self, configuration):
        program, libraries = syslog_ng()
        modules = [entry.path for entry in os.scandir(libraries) if entry.is_dir()]
        return [program, "--foreground", "--no-caps", "--stderr", f"--cfgfile={configuration}",
                f"--module-path={':'.join(modules)}", f"--pidfile={self.directory}/pid",
                f"--persist-file={self.directory}/persist", f"--control={self.directory}/control"]

    def configuration(self):
        fields = " ".join(f'{name}=\\"{"$" + "{" + macro + "}" if macro else "1"}\\"'
                          for name, macro in SYSLOG_NG_FIELDS.items())
        return f"""@version: 3.35
options {{ keep-hostname(yes); use-dns(no); frac-digits(3); stats-freq(0); create-dirs(no); }};
source input {{ {self.input()} }};
parser record {{ json-parser(prefix(".record.")); }};
destination output {{ file("{self.output}"
    template("$(format-json --scope none {fields} --key .SDATA.* --rekey .SDATA.* --replace-prefix .SDATA=sdata)\\n")); }};
log {{ source(input); if {{ parser(record); }}; destination(output); }};
"""

    def input(self):
        if self.path:
            kind = "unix-stream" if self.stream else "unix-dgram"
            return f'{kind}("{self.path}" flags(syslog-protocol) log-iw-size(10000));'
        tls = f"""transport("tls") tls(key-file("{self.tls.key('server')}") cert-file("{self.tls.certificate('server')}")
            ca-file("{self.tls.certificate('ca')}") peer-verify(required-trusted))""" if self.tls else 'transport("tcp")'
        return f'syslog(ip("127.0.0.1") port({self.port}) {tls} log-iw-size(10000));'
