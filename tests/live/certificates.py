"""Certificates to order, by openssl(1)."""

import subprocess

import harness


def openssl(*words, **options):
    done = subprocess.run([harness.find_command("openssl"), *map(str, words)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **options)
    if done.returncode:
        raise AssertionError(f"openssl {words}: {done.stderr.decode()}")


class Authority:
    """One that signs, with its files in a directory."""

    def __init__(self, directory, name="authority"):
        self.directory, self.name = directory, name
        self.certificate, self.key = self.path(name, "crt"), self.path(name, "key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", 2,
                "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate)

    def path(self, name, kind):
        return f"{self.directory}/{name}.{kind}"

    def issue(self, name, hosts=("DNS:localhost", "IP:127.0.0.1", "IP:::1"), days=2):
        """A certificate and its key, for these hosts; days less than 0: it has expired."""
        certificate, key, request = (self.path(name, kind) for kind in ("crt", "key", "csr"))
        extensions = self.path(name, "ext")
        with open(extensions, "w") as file:
            file.write(f"basicConstraints=CA:FALSE\nsubjectAltName={','.join(hosts)}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-subj", f"/CN={name}",
                "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
                "-days", days, "-extfile", extensions, "-out", certificate)
        return certificate, key
