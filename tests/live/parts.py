"""The program that runs parts of the agent by themselves (tests/live/part.c)."""

import os

from harness import HELPER

PART = os.path.join(os.path.dirname(HELPER), "part")
