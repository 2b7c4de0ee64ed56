"""Nothing is lost, whatever receivers and the machine do: the table of `make fault`, of few records each."""

import harness
from far_ends import Certificates
from fault_daemons import daemon_rows
from faults import Scale, machine_rows, receiver_rows, run_all

AT_ONCE = 16


@harness.needs_root
@harness.needs("openssl")
class Faults(harness.Case):
    def check(self, rows):
        scale = Scale()
        for cell in run_all(rows(scale, Certificates(self.scratch())), AT_ONCE):
            with self.subTest(fault=cell.fault, sink=cell.sink):
                if cell.skipped:
                    self.comment(f"{cell.fault}, {cell.sink}: skipped: {cell.why}")
                    continue
                self.assertGreater(cell.sent, 0, cell.why)
                self.assertLessEqual(0, cell.lost, cell)
                self.assertLessEqual(cell.lost, cell.may_lose, cell)

    def test_receivers_that_misbehave(self):
        self.check(receiver_rows)

    def test_what_happens_to_the_machine(self):
        self.check(machine_rows)

    def test_others_receivers_and_the_agent(self):
        self.check(daemon_rows)


if __name__ == "__main__":
    harness.main()
