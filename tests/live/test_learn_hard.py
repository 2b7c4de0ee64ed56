"""proctor learn in bad times: many containers, storms of processes, names of every byte, no room.

    LEARN_CONTAINERS=10000 python3 tests/live/test_learn_hard.py

runs it with as many containers as come in an hour; without, with a few."""

import hashlib
import json
import os
import shutil
import signal
import subprocess

import brief
import harness
from containers import needs_containers
from parts import PART
from test_learn import Watching, tells_ids

CONTAINERS = int(os.environ.get("LEARN_CONTAINERS", "30"))


@needs_containers
class Hard(Watching):
    def use(self, told, capability):
        return next(use for use in told["used"] if use["capability"] == capability)

    def test_a_fork_bomb(self):
        """It fills the container's limit of processes; what is asked for in another one is counted exactly."""
        watch = self.watch()
        bomb = self.container("bomb", lambda config: config["linux"]["resources"].update({"pids": {"limit": 30}}))
        container = self.container("beside")
        bomb.execute(argv=["/tools/busybox", "sh", "-c", "b() { b | b & }; b 2>/dev/null"])
        self.run_in(container, "i=0; while [ $i -lt 300 ]; do chroot / /tools/busybox true & i=$((i+1)); "
                               "[ $((i%20)) != 0 ] || wait; done; wait")
        bomb.stop()
        told = self.learned(watch, container.id)
        self.assertEqual(self.use(told, "CAP_SYS_CHROOT")["count"], 300)
        self.assertEqual((told["recommended"], told["events_lost"]), (["CAP_SYS_CHROOT"], 0))

    def test_a_storm_of_programs(self):
        """Each is asked for CAP_SYS_ADMIN again and again when it starts."""
        watch = self.watch()
        container = self.container("storm", lambda config: config["process"]["capabilities"]["bounding"].append("CAP_SYS_ADMIN"))
        self.run_in(container, "i=0; while [ $i -lt 500 ]; do /tools/busybox true; i=$((i+1)); done")
        told = self.learned(watch, container.id)
        self.assertEqual((told["used"], told["denied"], told["events_lost"]), ([], [], 0))

    def test_three_user_namespaces(self):
        """What is asked for in the innermost, or on the way there, is no need of the container."""
        watch = self.watch()
        container = self.container("nested", lambda config: config["linux"].pop("seccomp"))
        nested = "/tools/unshare -Ur " * 3
        self.run_in(container, f"su app -c '{nested} /tools/chroot / /tools/chown 0 /tmp' >/tmp/told 2>&1; "
                               f"su app -c '{nested} /tools/id -u' >/tmp/id 2>/dev/null")
        with open(f"{container.root}/tmp/id", encoding="ascii") as file:
            self.assertEqual(file.read(), "0\n")  # it came there
        told = self.learned(watch, container.id)
        self.assertEqual(set(told["recommended"]), {"CAP_SETUID", "CAP_SETGID"})  # of su(1)

    def test_names_of_every_byte(self):
        """Each program has its own file: the kernel's name of it is what is told."""
        container = self.container("names")
        odd = os.fsencode(container.root) + b"/tools/odd"
        bytes_of_names = bytes(byte for byte in range(1, 256) if byte != ord("/"))
        names = [b"busybox" + bytes_of_names[at:at + 32] for at in range(0, len(bytes_of_names), 32)]
        os.mkdir(odd)
        for name in names:
            shutil.copy(os.fsencode(harness.find_command("busybox")), odd + b"/" + name)
        watch, people = self.watch(), self.start("--container", container.id)
        self.run_in(container, 'for p in /tools/odd/*; do "$p" chroot / /tools/busybox true; done')
        use = self.use(self.learned(watch, container.id), "CAP_SYS_CHROOT")
        self.assertEqual((use["count"], len(use["executables"])), (len(names), len(names)))
        self.assertIn("BCDEFGHIJKLMNOPQRSTUVWXYZ", "".join(use["executables"]))
        people.send_signal(signal.SIGINT)
        table = people.communicate(timeout=harness.TIMEOUT)[0]
        self.assertIn(b"BCDEFGHIJKLMNOPQRSTUVWXYZ", table)
        table.decode()  # is UTF-8
        self.assertEqual([byte for byte in table if byte < 32 and byte != 10 or byte == 127], [])

    def test_no_room(self):
        """With room for two kinds of checks: all others are told as lost."""
        process = self.spawn(PART, "learn", "2")
        for command in (["chown", "root", "/proc/self/fd"], ["chroot", "/", "true"], ["nice", "-n", "-1", "true"]):
            subprocess.run(command, check=False, stderr=subprocess.DEVNULL, timeout=harness.TIMEOUT)
        told = process.communicate(timeout=harness.TIMEOUT)[0]
        kinds, lost, filling = map(int, told.split())
        self.assertLessEqual(kinds, 2)
        self.assertGreater(lost, 0)
        self.assertTrue(filling)

    def test_an_id_again(self):
        """A container that is started again has the same id, other namespaces, and maybe the same numbers of them: no
        check counts twice."""
        watch = self.watch()
        container = self.container("again")
        for _ in range(3):
            self.run_in(container, "chroot / /tools/busybox true")
            container.restart()
        told = self.learned(watch, container.id)
        counted = sum(use["count"] for use in told["used"] if use["capability"] == "CAP_SYS_CHROOT")
        self.assertLessEqual(counted, 3)
        self.assertEqual(told["events_lost"], 0)

    def test_numbers_that_are_given_away(self):
        """Inode numbers of mount namespaces go from one to the next, many times in a second: what is told of a container
        is its own to the last check. With so many processes, BPF tells of them, too."""
        if not tells_ids():
            self.skipTest("mount namespaces have no ids here")
        crowd = subprocess.Popen(["sh", "-c", "for i in $(seq 300); do sleep 1000 & done; wait"], start_new_session=True)
        self.undo(harness.stop, crowd)
        self.undo(os.killpg, crowd.pid, signal.SIGKILL)
        watch = self.watch()
        churn = subprocess.Popen(["sh", "-c", "while :; do unshare --mount chroot / true; done"])
        self.undo(harness.stop, churn)
        counts = {}
        for number in range(5):
            container = self.container(f"given{number}")
            self.run_in(container, "chroot / /tools/busybox true; chroot / /tools/busybox true")
            counts[container.id] = 2
        watch.send_signal(signal.SIGINT)
        document = json.loads(watch.communicate(timeout=harness.TIMEOUT)[0])
        self.assertEqual({one["id"]: self.use(one, "CAP_SYS_CHROOT")["count"] for one in document["containers"]
                          if one["id"] in counts}, counts)

    def told_of_many(self, watch, stays, ids):
        """Those of the ids that the watch tells of, and how many checks of theirs it counted."""
        with open(f"/proc/{watch.pid}/status", encoding="ascii") as file:
            memory = int(next(line for line in file if line.startswith("VmRSS")).split()[1])
        watch.send_signal(signal.SIGINT)
        document = json.loads(watch.communicate(timeout=harness.TIMEOUT)[0])
        self.validate(document)
        containers = [container for container in document["containers"] if container["id"] in ids]
        counts = [sum(use["count"] for use in container["used"] if use["capability"] == "CAP_SYS_CHROOT")
                  for container in containers]
        told = next(container for container in document["containers"] if container["id"] == stays.id)
        self.comment(f"{CONTAINERS} containers, {len(containers)} seen, {sum(counts)} checks of theirs, "
                     f"{told['checks_unseen']} unseen, {told['events_lost']} lost, {memory} KiB")
        self.assertEqual((told["used"], told["events_lost"]), ([], 0))
        self.assertLess(memory, 200 << 10)
        return counts

    def test_many_containers(self):
        """They come and go faster than one looks: none of their checks counts twice, and none is lost. Every tenth has
        the id of one before it."""
        root, stays, watch = brief.make_root(self), self.container("stays"), self.watch()
        ids = [hashlib.sha256(f"{os.getpid()} {number - number % 10 // 9}".encode()).hexdigest()
               for number in range(CONTAINERS)]
        for identity in ids:
            brief.end(brief.begin(root, identity), identity)
        self.assertLessEqual(sum(self.told_of_many(watch, stays, set(ids))), CONTAINERS)

    def test_many_containers_that_are_seen(self):
        """Some at once, each for a second or two: of each that was seen, the one check counts, to the last."""
        root, stays, watch = brief.make_root(self), self.container("stays"), self.watch()
        ids = [hashlib.sha256(f"seen {os.getpid()} {number}".encode()).hexdigest() for number in range(CONTAINERS)]
        brief.run_all(root, ids, 1.5)
        counts = self.told_of_many(watch, stays, set(ids))
        self.assertTrue(counts)
        if tells_ids():
            self.assertEqual(set(counts), {1})


if __name__ == "__main__":
    harness.main(alone=not tells_ids())
