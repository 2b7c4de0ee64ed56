"""A long queue: what waits for a sink that fails takes room on the disk, not in memory, and all of it gets out.

    AGENT_RECORDS=1000000 python3 tests/live/test_agent_queue.py

has a longer one."""

import json
import os
import sqlite3

import harness
from agents import Agent
from measured import ROLES, memory

RECORDS = int(os.environ.get("AGENT_RECORDS", "20000"))
SIZE = 2000
MOST = 24 * 1024  # KiB of all three processes


def text_of(sequence):
    record = {"type": "finding", "record_id": f"{sequence:032x}", "sequence": sequence, "finding": {"why": ""}}
    record["finding"]["why"] = "x" * (SIZE - len(json.dumps(record)))
    return json.dumps(record)


def fill(path):
    """As if the agent had found so much. Returns the ids of the records."""
    with sqlite3.connect(path) as database:
        last, = database.execute("SELECT sequence FROM figures").fetchone()
        sequences = range(last + 1, last + 1 + RECORDS)
        database.executemany("INSERT INTO queue (sequence, kind, severity, made, bytes, text) SELECT ?, 0, 3, clock, ?, ? "
                             "FROM figures", ((number, SIZE, text_of(number)) for number in sequences))
        database.execute("UPDATE figures SET sequence = ?, queue_bytes = queue_bytes + ?", (sequences[-1], RECORDS * SIZE))
    database.close()
    return [f"{number:032x}" for number in sequences]


@harness.needs_root
class LongQueue(harness.Case):
    def agent(self, stop_timeout):
        """Its file is a directory: nothing gets out. By its control socket it may write around that."""
        return Agent(self, directory=self.directory, to=f"file://{self.out}/records?rotate=0",
                     environment={"PROCTOR_CONTROL": f"{self.directory}/control", "PROCTOR_QUEUE_BYTES": "1TiB",
                                  "PROCTOR_STOP_TIMEOUT": str(stop_timeout)})

    def setUp(self):
        self.directory = self.scratch()
        self.out = f"{self.directory}/out"
        for path in (self.out, f"{self.out}/records"):
            os.mkdir(path)
            os.chmod(path, 0o777)

    def test_is_on_the_disk_and_gets_out(self):
        agent = self.agent(1)
        agent.wait_for_log("level=warning")
        self.assertEqual(agent.stop(), 0)
        wanted = fill(f"{agent.state}/proctor.db")

        agent = self.agent(300)
        agent.wait_for_log("level=warning")
        self.wait_for(lambda: agent.status()["full_passes"])
        status = agent.status()
        sizes = {role: memory(status["pids"][role]) for role in ROLES}
        self.comment(f"{status['queue'][0]['waiting']} records behind: {sizes}")
        self.assertGreaterEqual(status["queue"][0]["waiting"], RECORDS)
        if not harness.SANITIZED:  # which keeps what is freed
            self.assertLess(sum(sizes.values()), MOST)

        os.rmdir(f"{self.out}/records")
        agent.process.terminate()
        self.assertEqual(agent.process.wait(timeout=300), 0)
        with open(f"{self.out}/records", encoding="utf-8") as file:
            told = [json.loads(line)["record_id"] for line in file]
        those = set(wanted)
        self.assertEqual(len(told), len(set(told)))
        self.assertEqual([name for name in told if name in those], wanted)


if __name__ == "__main__":
    harness.main()
