"""A user without privilege sets a trap: an overlay, which passes for a local file system, over a FUSE that never
answers. Whoever looks a name up in it, or lists it, waits for ever."""

import os
import unittest

import harness
from harness import AUDIT


@harness.needs_root
@unittest.skipUnless(os.path.exists("/dev/fuse"), "no /dev/fuse")
class SilentOverlayTest(harness.Case):
    def trap(self):
        """The id of what Proctor takes for a container, at the overlay's side."""
        process = self.spawn("python3", harness.SOURCE / "tests/live/silent_overlay.py", self.scratch())
        return f"mnt-{os.stat(f'/proc/{self.child(process)}/ns/mnt').st_ino}"

    def reasons(self, document, collector):
        coverage = next(entry for entry in document["coverage"] if entry["collector"] == collector)
        return [reason["reason"] for reason in coverage["reasons"]]

    def test_its_devices_are_not_listed(self):
        container = self.trap()
        document = self.document(*AUDIT)
        found = next(entry for entry in document["containers"] if entry["id"] == container)
        self.assertNotIn("devices", found)
        self.assertIn("a directory in a container's /dev lies on an overlay that may hang: not listed",
                      self.reasons(document, "mount"))

    def test_its_files_are_not_walked(self):
        container = self.trap()
        document = self.document("files", "--container", container)
        self.assertEqual(document["files"], [])
        self.assertTrue([reason for reason in self.reasons(document, "filesystem") if "user namespace" in reason])


if __name__ == "__main__":
    harness.main()
