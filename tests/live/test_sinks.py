"""Sinks: a real pipe, socket, file system, and whoever reads or meddles."""

import fcntl
import os
import pathlib
import signal
import socket
import stat
import subprocess

import harness
from harness import Case, needs_root
from parts import PART

F_SETPIPE_SZ = 1031


class Sink(Case):
    """A sink that is given batches on its stdin and tells on stderr how many records are out."""

    def start(self, url, stdout=subprocess.DEVNULL, stop=None, **options):
        process = subprocess.Popen([PART, "deliver", url, *([str(stop)] if stop is not None else [])],
                                   stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE,
                                   pass_fds=[stop] if stop is not None else [], **options)
        self.undo(harness.stop, process)
        return process

    def send(self, process, *records):
        process.stdin.write(b"".join(record + b"\n" for record in records) + b"\n")
        process.stdin.flush()

    def result(self, process):
        return process.stderr.readline().decode().rstrip("\n")

    def deliver(self, process, *records):
        """Sends a batch; what the sink says of it."""
        self.send(process, *records)
        return self.result(process)


def records(count, size=100, start=0):
    return [b'{"n":%d,"x":"%s"}' % (n, b"x" * size) for n in range(start, start + count)]


def blocked(pid):
    """Whether a process sleeps in a system call."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


class Stdout(Sink):
    def pipe(self):
        reader, writer = os.pipe()
        fcntl.fcntl(writer, F_SETPIPE_SZ, 8192)
        return os.fdopen(reader, "rb"), os.fdopen(writer, "wb")

    def test_one_line_each(self):
        reader, writer = self.pipe()
        with reader, writer:
            sink = self.start("stdout", stdout=writer)
            self.assertEqual(self.deliver(sink, *records(3)), "out 3")
            writer.close()
            sink.stdin.close()
            self.assertEqual(reader.read().splitlines(), records(3))

    def test_a_slow_reader_gets_whole_lines(self):
        """Records larger than the pipe, read in small bits."""
        sent = records(20, size=10000)
        for kind in "pipe", "socket":
            with self.subTest(kind):
                if kind == "pipe":
                    reader, writer = self.pipe()
                else:
                    one, other = socket.socketpair()
                    reader, writer = one.makefile("rb", buffering=0), other.makefile("wb", buffering=0)
                    one.close(), other.close()
                with reader, writer:
                    sink = self.start("stdout", stdout=writer)
                    writer.close()
                    self.send(sink, *sent)
                    sink.stdin.close()
                    got = b""
                    while part := os.read(reader.fileno(), 777):
                        got += part
                    self.assertEqual(got.splitlines(), sent)
                    self.assertEqual(self.result(sink), "out 20")

    def test_the_description_stays_as_it_was(self):
        reader, writer = self.pipe()
        with reader, writer:
            sink = self.start("stdout", stdout=writer)
            self.assertEqual(self.deliver(sink, *records(2)), "out 2")
            self.assertFalse(fcntl.fcntl(writer, fcntl.F_GETFL) & os.O_NONBLOCK)

    def test_stop_ends_the_wait_for_a_reader(self):
        for size in 100, 10000:
            with self.subTest(size=size):
                reader, writer = self.pipe()
                stopped, stop = os.pipe()
                with reader, writer:
                    sink = self.start("stdout", stdout=writer, stop=stopped)
                    self.send(sink, *records(100, size=size))
                    self.wait_for(lambda: blocked(sink.pid))
                    os.write(stop, b"x")
                    told = self.result(sink)
                    self.assertRegex(told, r"^out \d+: standard output: stopped before")
                    out = int(told.split()[1].rstrip(":"))
                    self.assertLess(out, 100)
                    writer.close()
                    sink.kill()
                    whole = reader.read().split(b"\n")[:-1]
                    self.assertEqual(whole, records(100, size=size)[:out])
                os.close(stop), os.close(stopped)

    def test_a_line_that_was_left_is_gone_on_with(self):
        """After a stop in the middle of a record the rest of it comes with the next try."""
        reader, writer = self.pipe()
        stopped, stop = os.pipe()
        self.undo(os.close, stop)
        self.undo(os.close, stopped)
        sent = records(3, size=20000)
        with reader, writer:
            sink = self.start("stdout", stdout=writer, stop=stopped)
            writer.close()
            self.send(sink, *sent)
            self.wait_for(lambda: blocked(sink.pid))
            os.write(stop, b"x")
            self.assertRegex(self.result(sink), "^out 0: ")
            os.read(stopped, 1)
            self.send(sink)
            sink.stdin.close()
            self.assertEqual(reader.read().splitlines(), sent)
            self.assertEqual(self.result(sink), "out 3")

    def test_a_reader_that_went_away(self):
        reader, writer = self.pipe()
        with writer:
            sink = self.start("stdout", stdout=writer, preexec_fn=lambda: signal.signal(
                signal.SIGPIPE, signal.SIG_IGN), restore_signals=False)
            reader.close()
            self.assertRegex(self.deliver(sink, *records(1)), "^out 0: standard output: its reader is gone")
            self.assertRegex(self.deliver(sink), "^out 0: standard output: its reader is gone")
            self.assertIsNone(sink.poll())

    def test_a_full_disk(self):
        with open("/dev/full", "wb") as full:
            sink = self.start("stdout", stdout=full)
            self.assertRegex(self.deliver(sink, *records(1)), "^out 0: writing to standard output: No space")


class File(Sink):
    def setUp(self):
        self.directory = pathlib.Path(self.scratch())
        self.path = self.directory / "proctor.json"

    def sink(self, parameters="", **options):
        return self.start(f"file://{self.path}{parameters}", **options)

    def lines(self, *numbers):
        """What is in PATH.N of each number, one after the other; 0: PATH."""
        paths = [self.path.with_name(self.path.name + (f".{n}" if n else "")) for n in numbers]
        return [line for path in paths for line in path.read_bytes().splitlines()]

    def test_appends(self):
        for start in 0, 3:
            sink = self.sink()
            self.assertEqual(self.deliver(sink, *records(3, start=start)), "out 3")
            harness.stop(sink)
        self.assertEqual(self.lines(0), records(6))

    def test_mode_whatever_the_umask_is(self):
        for mask in 0, 0o777:
            sink = self.sink(umask=mask)
            self.assertEqual(self.deliver(sink, *records(1)), "out 1")
            self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o640)
            self.path.unlink()

    def test_on_disk_before_it_counts(self):
        """The order of system calls: data, then its name, and only then the answer."""
        trace = self.directory / "trace"
        command = harness.find_command("strace")
        if not command:
            self.skipTest("not installed: strace")
        done = self.run_command("strace", "-o", trace, "-e", "trace=writev,fdatasync,fsync,write", PART, "deliver",
                                f"file://{self.path}", input=b"{}\n", env=dict(os.environ, **harness.WITHOUT_LEAKS))
        if b"ptrace" in done.stderr:
            self.skipTest("strace may not trace here")
        calls = [line.split("(")[0] for line in trace.read_text().splitlines() if "(" in line]
        self.assertEqual(calls[:4], ["fsync", "writev", "fdatasync", "write"])

    def test_rotation_splits_no_record_and_loses_none_that_is_kept(self):
        sent = records(200, size=1000)
        sink = self.sink("?rotate=8KiB&keep=3")
        self.assertEqual(self.deliver(sink, *sent[:150]), "out 150")
        self.assertEqual(self.deliver(sink, *sent[150:]), "out 50")
        kept = self.lines(3, 2, 1, 0)
        self.assertEqual(kept, sent[-len(kept):])
        self.assertGreater(len(kept), 3 * 7)
        self.assertEqual(sorted(os.listdir(self.directory)),
                         ["proctor.json", "proctor.json.1", "proctor.json.2", "proctor.json.3"])
        for path in self.directory.iterdir():
            self.assertLessEqual(path.stat().st_size, 8192)

    def test_a_record_larger_than_a_file(self):
        sink = self.sink("?rotate=4KiB&keep=2")
        sent = records(1) + records(1, size=10000) + records(1)
        self.assertEqual(self.deliver(sink, *sent), "out 3")
        self.assertEqual(self.lines(2, 1, 0), sent)

    def test_never_rotated(self):
        sink = self.sink("?rotate=0")
        self.assertEqual(self.deliver(sink, *records(100, size=1000)), "out 100")
        self.assertEqual(os.listdir(self.directory), ["proctor.json"])

    def test_rotated_by_someone_else(self):
        sink = self.sink()
        self.assertEqual(self.deliver(sink, *records(1)), "out 1")
        self.path.rename(self.directory / "aside")
        self.assertEqual(self.deliver(sink, *records(1, start=1)), "out 1")
        self.path.unlink()
        self.assertEqual(self.deliver(sink, *records(1, start=2)), "out 1")
        self.assertEqual(self.lines(0), records(1, start=2))
        self.assertEqual((self.directory / "aside").read_bytes().splitlines(), records(1))
        self.path.write_bytes(b"")  # copytruncate
        self.assertEqual(self.deliver(sink, *records(1, start=3)), "out 1")
        self.assertEqual(self.lines(0), records(1, start=3))

    def test_a_directory_that_comes_back(self):
        sink = self.sink()
        self.assertEqual(self.deliver(sink, *records(1)), "out 1")
        self.directory.rename(f"{self.directory}.gone")
        self.undo(harness.remove_tree, f"{self.directory}.gone")
        self.assertRegex(self.deliver(sink, *records(1)), "^out 0: opening the directory of .*: No such file")
        self.directory.mkdir()
        self.assertEqual(self.deliver(sink), "out 1")
        self.assertEqual(self.lines(0), records(1))

    def test_a_torn_last_line_is_ended(self):
        self.path.write_bytes(b'{"n":0}\n{"n":1,"x":"half')
        sink = self.sink()
        self.assertEqual(self.deliver(sink, *records(1)), "out 1")
        self.assertEqual(self.lines(0), [b'{"n":0}', b'{"n":1,"x":"half', *records(1)])

    def test_what_is_no_regular_file(self):
        target = self.directory / "target"
        target.write_bytes(b"untouched\n")
        for make in (lambda: self.path.symlink_to(target), lambda: self.path.symlink_to("nowhere"),
                     lambda: os.mkfifo(self.path), self.path.mkdir):
            make()
            sink = self.sink()
            self.assertRegex(self.deliver(sink, *records(1)), "^out 0: (opening )?/")
            harness.stop(sink)
            self.path.rmdir() if self.path.is_dir() and not self.path.is_symlink() else self.path.unlink()
        self.assertEqual(target.read_bytes(), b"untouched\n")
        self.assertEqual(os.listdir(self.directory), ["target"])

    def test_a_fifo_that_someone_reads(self):
        os.mkfifo(self.path)
        with open(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
            sink = self.sink()
            self.assertRegex(self.deliver(sink, *records(1)), "^out 0: .* is no regular file")
            self.assertFalse(reader.read())

    @needs_root
    def test_a_full_disk(self):
        """What finds no room is taken back, and comes when there is room again: no half record, none lost."""
        self.run_command("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", self.directory)
        sent = records(400, size=1000)
        sink = self.sink("?rotate=0")
        told = self.deliver(sink, *sent)
        self.assertRegex(told, r"^out \d+: writing to .*: No space left on device")
        out = int(told.split()[1].rstrip(":"))
        self.assertGreater(out, 200)
        self.assertEqual(self.lines(0), sent[:out])
        self.assertTrue(self.path.read_bytes().endswith(b"\n"))
        self.assertRegex(self.deliver(sink), "^out 0: writing to ")
        self.run_command("mount", "-o", "remount,size=1m", self.directory)
        self.assertEqual(self.deliver(sink), f"out {len(sent) - out}")
        self.assertEqual(self.lines(0), sent)

    def test_killed_at_any_moment(self):
        """Whatever was told to be out is there, whole, after kill -9 in the midst of rotations."""
        batch = 100
        for start in range(0, 20 * batch, batch):
            sink = self.sink("?rotate=8KiB&keep=1000")
            sink.stdin.write(b"".join(b'{"n":%d,"x":"%s"}\n\n' % (start + n, b"x" * 500) for n in range(batch)))
            sink.stdin.flush()
            told = 1 + start // batch * 4
            for _ in range(told):
                self.assertEqual(self.result(sink), "out 1")
            sink.kill()
            told += sink.stderr.read().count(b"out 1\n")
            self.assertLessEqual(set(range(start, start + told)), self.numbers())

    def numbers(self):
        found = set()
        for path in self.directory.iterdir():
            for line in path.read_bytes().splitlines():
                if line.endswith(b"}"):
                    found.add(int(line[5:line.index(b",")]))
        return found


if __name__ == "__main__":
    harness.main()
