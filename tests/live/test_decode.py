"""proctor decode: masks as capsh reads them, and our own state as the kernel tells it."""

import json
import os
import random
import re
import unittest

import harness
from harness import CAPABILITIES, DOCKER_DEFAULT, NOBODY, names

SETS = {"effective": "CapEff", "permitted": "CapPrm", "inheritable": "CapInh", "bounding": "CapBnd",
        "ambient": "CapAmb"}


class MaskTest(harness.Case):
    def sets(self, *masks, **options):
        """The capabilities of each mask."""
        document = self.document("decode", *masks, **options)
        return [entry["capabilities"] for entry in document["sets"]]

    @harness.needs("capsh")
    def test_capsh_says_the_same(self):
        generator = random.Random(1)
        masks = [0, 1, DOCKER_DEFAULT, (1 << 41) - 1, 0x3fffffffff, *(1 << bit for bit in range(41)),
                 *(generator.getrandbits(41) for _ in range(50))]
        decoded = self.sets(*(f"{mask:016x}" for mask in masks))
        for mask, capabilities in zip(masks, decoded, strict=True):
            with self.subTest(mask=f"{mask:x}"):
                told = self.run_command("capsh", f"--decode={mask:016x}").stdout.decode().strip()
                told = told.partition("=")[2]
                self.assertEqual(capabilities, [name.upper() for name in told.split(",") if name])

    def test_every_bit_is_told(self):
        for mask in (0xffffffffffffffff, 1 << 63, 1 << 41, (1 << 41) - 1, 0):
            with self.subTest(mask=f"{mask:x}"):
                document = self.document("decode", f"{mask:x}")
                self.assertEqual(document["sets"], [{"name": f"{mask:x}", "mask": f"{mask:016x}",
                                                     "capabilities": names(mask)}])
                self.assertEqual([entry["name"] for entry in document["capabilities"]], names(mask))

    def test_every_way_to_write_one(self):
        ways = ["0x2001", "2001", "0000000000002001", "0X2001", "net_raw,chown", "CAP_CHOWN,CAP_NET_RAW", "0,13",
                "Net_Raw,0", "13,cap_0", "cap_13,chown,13"]
        self.assertEqual(self.sets(*ways), [["CAP_CHOWN", "CAP_NET_RAW"]] * len(ways))

    def test_the_table_says_what_json_does(self):
        for mask in (f"{DOCKER_DEFAULT:x}", "ffffffffffffffff", "0", "net_raw,bpf"):
            with self.subTest(mask=mask):
                text = self.proctor("decode", mask).stdout.decode()
                told = re.findall(r"^  ([a-z0-9_]+) +[A-Z].*\.$", text, re.M)
                told = ["CAP_" + name.upper().removeprefix("CAP_") for name in told]
                self.assertEqual([told], self.sets(mask))
                self.assertEqual(text.count("\n"), len(told) + 1)

    def test_words(self):
        text = self.proctor("decode", f"{DOCKER_DEFAULT:x}", "a82425fa", "0").stdout.decode()
        self.assertIn("docker-default (14 capabilities)\n", text)
        self.assertIn("docker-default +sys_admin -chown", text)
        self.assertIn("none (0 capabilities)\n", text)
        with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
            last = int(file.read())
        text = self.proctor("decode", f"{(1 << (last + 1)) - 1:x}").stdout.decode()
        self.assertIn(f"full ({last + 1} capabilities)\n", text)

    def test_lines(self):
        lines = self.proctor("decode", "8000000000000001", "--format", "ndjson").stdout.decode().splitlines()
        records = [json.loads(line) for line in lines]
        self.assertEqual([record["type"] for record in records], ["about", "set", "capability", "capability"])
        for record in records:
            self.validate_line(record)

    def test_hundreds_of_masks(self):
        masks = [f"{mask:x}" for mask in range(2000)]
        self.assertEqual(self.sets(*masks), [names(mask) for mask in range(2000)])

    @harness.needs_root
    @unittest.skipIf(harness.SANITIZED, "the sanitizer does not run without /proc")
    def test_no_procfs_is_needed(self):
        wrap = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh")
        self.assertEqual(self.sets("2001", wrap=wrap), [["CAP_CHOWN", "CAP_NET_RAW"]])
        result = self.proctor("decode", "--self", wrap=wrap, status=3)
        self.assertOneLine(result.stderr, "/proc/self")

    def test_wrong_ones(self):
        for words in ([], [""], ["0xzz"], ["0x"], ["1" + "0" * 16], ["0x1" + "f" * 16], ["net_rwa"], ["net_raw,"],
                      [",,"], ["chown net_raw"], ["\x1b[2J"], ["a\nb"], ["\udcff\udcfe"], ["%s%s%n"], ["f" * 100000],
                      ["x," * 50000], ["1", "0xzz"], ["--self", "1"], ["--self=yes"], ["-1"], ["64,64"],
                      ["2001", "--format", "xml"], ["\N{RIGHT-TO-LEFT OVERRIDE}"]):
            with self.subTest(words=str(words)[:80]):
                result = self.proctor("decode", *words, status=2)
                self.assertEqual(result.stdout, b"")
                self.assertOneLine(result.stderr, "; ")
                self.assertLess(len(result.stderr), 600)
                self.assertRegex(result.stderr.decode(), r"\A[\x20-\x7e]+\n\Z")

    @harness.needs("script")
    def test_it_fits_a_terminal(self):
        for columns in (20, 40, 80, 200):
            with self.subTest(columns=columns, NO_COLOR="1"):
                text = self.on_terminal("decode", "ffffffffffffffff", columns=columns, NO_COLOR="1")
                self.assertTrue(all(len(line) <= columns for line in text.splitlines()), text)
                for name in (*CAPABILITIES, "cap_63"):
                    self.assertIn(name.lower().removeprefix("cap_"), text.replace("\n", ""))


class SelfTest(harness.Case):
    def assertSelf(self, *wrap, **options):
        """It tells of itself what cat is told by the kernel in its place."""
        text = self.run_command(*wrap, "cat", "/proc/self/status", **options)
        self.assertEqual(text.returncode, 0, text.stderr)
        fields = dict(line.split(":", 1) for line in text.stdout.decode().splitlines())
        document = self.document("decode", "--self", wrap=wrap, **options)
        own = document["self"]
        self.assertEqual({entry["name"]: entry["capabilities"] for entry in document["sets"]},
                         {name: names(int(fields[field], 16)) for name, field in SETS.items()})
        self.assertEqual(own["uid"], int(fields["Uid"].split()[1]))
        self.assertEqual(own["no_new_privs"], fields["NoNewPrivs"].strip() == "1")
        self.assertEqual(own["seccomp"], ["off", "strict", "filter"][int(fields["Seccomp"])])
        self.assertEqual(str(own.get("seccomp_filters")), fields.get("Seccomp_filters", "None").strip())
        union = {name for entry in document["sets"] for name in entry["capabilities"]}
        self.assertEqual({entry["name"] for entry in document["capabilities"]}, union)
        return document

    def test_as_we_are(self):
        own = self.assertSelf()["self"]
        self.assertEqual(own["user_namespace"],
                         "initial" if os.readlink("/proc/self/ns/user") == "user:[4026531837]" else "other")

    @harness.needs_root
    def test_nobody(self):
        document = self.assertSelf("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                                   "--no-new-privs")
        self.assertEqual(document["self"]["uid"], NOBODY)
        self.assertTrue(document["self"]["no_new_privs"])

    @harness.needs_root
    @harness.needs("setpriv")
    def test_ambient_and_bounding(self):
        document = self.assertSelf("setpriv", "--reuid=10001", "--clear-groups", "--inh-caps=+net_raw,+chown",
                                   "--ambient-caps=+net_raw", "--bounding-set=-all,+net_raw,+chown,+kill")
        sets = {entry["name"]: entry["capabilities"] for entry in document["sets"]}
        self.assertEqual(sets["ambient"], ["CAP_NET_RAW"])
        self.assertEqual(sets["bounding"], ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"])
        text = self.proctor("decode", "--self", wrap=(
            "setpriv", "--reuid=10001", "--clear-groups", "--inh-caps=+net_raw,+chown", "--ambient-caps=+net_raw",
            "--bounding-set=-all,+net_raw,+chown,+kill")).stdout.decode()
        self.assertRegex(text, r"\n  epiba  net_raw +Open ")
        self.assertRegex(text, r"\n  --ib-  chown +Change ")
        self.assertRegex(text, r"\n  ---b-  kill +Send ")

    @harness.needs_root
    @harness.needs("setpriv")
    def test_securebits(self):
        wrap = ("setpriv", "--securebits=+noroot,+noroot_locked,+no_setuid_fixup")
        document = self.assertSelf(*wrap)
        self.assertEqual(document["self"]["securebits"], ["noroot", "noroot_locked", "no_setuid_fixup"])
        text = self.proctor("decode", "--self", wrap=wrap).stdout.decode()
        self.assertIn("\n  securebits      noroot noroot_locked no_setuid_fixup\n", text)
        self.assertIn("\n  effective       none\n", text)

    @harness.needs("unshare")
    def test_in_a_user_namespace(self):
        probe = self.run_command("unshare", "-Ur", "true")
        if probe.returncode:
            self.skipTest("no user namespace can be made here")
        own = self.assertSelf("unshare", "-Ur")["self"]
        self.assertEqual((own["uid"], own["user_namespace"]), (0, "other"))
        text = self.proctor("decode", "--self", wrap=("unshare", "-Ur")).stdout.decode()
        self.assertIn("\n  user namespace  another than the host's", text)

    @harness.needs_root
    @harness.needs("unshare")
    def test_in_a_pid_namespace(self):
        """Beneath the procfs of another pid namespace it must not take pid 1 there for itself."""
        drop = ("setpriv", "--bounding-set=-all,+chown")
        for wrap in (("unshare", "--pid", "--fork", *drop), ("unshare", "--pid", "--fork", "--mount-proc", *drop)):
            with self.subTest(wrap=wrap):
                document = self.assertSelf(*wrap)
                self.assertEqual(document["sets"][3]["capabilities"], ["CAP_CHOWN"])

    @harness.needs_root
    def test_hidden_processes(self):
        """procfs with hidepid shows oneself still."""
        wrap = ("unshare", "--pid", "--fork", "--mount", "sh", "-c",
                'mount -t proc -o hidepid=2 proc /proc && exec "$@"', "sh", "setpriv", "--reuid=10001")
        self.assertSelf(*wrap)


if __name__ == "__main__":
    harness.main()
