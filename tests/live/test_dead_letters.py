"""proctor dead-letters: what a receiver refused, asked of an agent and read from what one left behind."""

import json
import os
import sqlite3
import time

import agents
import harness


class DeadLettersTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.directory = self.scratch()
        agent = self.agent()
        self.wait_for(lambda: agent.findings(status="opened"))
        self.sink = agent.sink
        self.record = agent.findings(status="opened")[0]
        self.assertEqual(agent.stop(), 0)

    def agent(self):
        return agents.Agent(self, directory=self.directory)

    def path(self, name):
        return os.path.join(self.directory, name)

    def refuse(self, count, sink=None, reason="400 Bad Request: \x1b[31m"):
        """As if the sink's receiver had refused so many records."""
        with sqlite3.connect(self.path("state/proctor.db")) as database:
            sequence, = database.execute("SELECT sequence FROM figures").fetchone()
            database.executemany(
                "INSERT INTO dead_letter VALUES (?, ?, 4, ?, ?, ?, ?)",
                [(sink or self.sink, sequence + 1 + i, int(time.time() * 1000), len(self.text(i)), reason, self.text(i))
                 for i in range(count)])
            database.execute("UPDATE figures SET sequence = sequence + ?", (count,))
        database.close()

    def text(self, number):
        return json.dumps(dict(self.record, record_id=f"{number:032x}", type="finding"))

    def letters(self, *arguments):
        return self.document("dead-letters", "--state", self.path("state"), *arguments)["dead_letters"]

    def handled(self, *arguments):
        result = self.proctor("dead-letters", "--state", self.path("state"), *arguments)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        return result.stdout.decode()

    def ids(self, letters):
        return [letter["record"]["record_id"] for letter in letters]

    def test_without_an_agent(self):
        self.assertEqual(self.letters(), [])
        self.refuse(3)
        self.refuse(2, sink="gone")
        letters = self.letters()
        self.assertEqual([letter["sink"] for letter in letters], [self.sink] * 3 + ["gone"] * 2)
        self.assertEqual(letters[0]["reason"], "400 Bad Request: \\x1b[31m")
        self.assertEqual(self.ids(self.letters("--sink", self.sink)), [f"{number:032x}" for number in range(3)])
        for line in self.lines("dead-letters", "--state", self.path("state")):
            self.assertEqual(line["type"], "dead_letter")
        table = self.proctor("dead-letters", "--state", self.path("state")).stdout.decode()
        self.assertIn(self.record["finding"]["rule"], table)
        self.assertNotIn("\x1b", table)
        self.assertEqual(self.handled("--retry"), "3 put back into the queue\n")  # the other is not there any more
        self.assertEqual(self.ids(self.letters()), [f"{number:032x}" for number in range(2)])
        self.assertEqual(self.handled("--drop", "--sink", "gone"), "2 deleted\n")
        self.assertEqual(self.letters(), [])
        agent = self.agent()
        self.wait_for(lambda: len(self.sent_again(agent)) == 3)
        self.assertEqual(self.sent_again(agent), [f"{number:032x}" for number in range(3)])

    def sent_again(self, agent):
        return [record["record_id"] for record in agent.records() if record["record_id"].startswith("0" * 20)]

    def test_of_a_running_agent(self):
        self.refuse(1300)  # more than a page
        agent = self.agent()
        letters = self.letters()
        self.assertEqual(self.ids(letters), [f"{number:032x}" for number in range(1300)])
        told = agent.status()["queue"]
        self.assertEqual([(sink["sink"], sink["dead_letters"]) for sink in told], [(self.sink, 1300)])
        result = self.proctor("dead-letters", "--state", self.path("state"), "--retry", "--sink", "unheard",
                              status=3)
        self.assertIn(b"no sink is called unheard", result.stderr)
        self.assertEqual(self.handled("--retry", "--sink", self.sink), "1300 put back into the queue\n")
        self.wait_for(lambda: len(self.sent_again(agent)) == 1300)
        self.assertEqual(self.sent_again(agent), [f"{number:032x}" for number in range(1300)])
        self.assertEqual(self.letters(), [])
        self.assertEqual(self.handled("--drop"), "0 deleted\n")

    def test_an_empty_name_is_not_every_sink(self):
        self.refuse(2)
        agent = self.agent()
        for name in "", "\n", " " + self.sink:
            result = self.proctor("dead-letters", "--state", self.path("state"), "--drop", "--sink", name, status=2)
            self.assertIn(b"no sink is called", result.stderr)
        self.assertEqual(len(self.letters()), 2)
        self.assertEqual(agent.stop(), 0)

    def test_refusals(self):
        result = self.proctor("dead-letters", "--state", self.path("state"), "--retry", "--drop", status=2)
        self.assertIn(b"either --retry or --drop", result.stderr)
        result = self.proctor("dead-letters", "--state", self.path("nowhere"), "--drop", status=3)
        self.assertIn(b"no agent has kept a state", result.stderr)
        self.assertFalse(os.path.exists(self.path("nowhere")))


if __name__ == "__main__":
    harness.main()
