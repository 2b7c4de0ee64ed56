"""A program that looks at the machine again and again, as the agent does: tests/live/passes.c."""

import json
import os
import subprocess

import harness

# The agent's auditor: another user with two capabilities.
LEAST = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
         "--inh-caps", "-all,+sys_ptrace,+dac_read_search", "--ambient-caps", "-all,+sys_ptrace,+dac_read_search",
         "--bounding-set", "-all,+sys_ptrace,+dac_read_search", "--no-new-privs")
PASSES = os.path.abspath(os.environ.get("PASSES", "tests/live/passes"))


class Passes:
    """`left_out`: the directories of the host are not walked, nor those of containers that have such a name."""

    def __init__(self, keeper, *arguments, left_out=True, wrap=()):
        excluded = [word for name in sorted(os.listdir("/")) for word in ("--exclude", f"/{name}")]
        self.process = subprocess.Popen([*wrap, PASSES, *arguments, *(excluded if left_out else [])],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        keeper.undo(harness.stop, self.process)

    def look(self, kind, *pids):
        self.process.stdin.write(" ".join(map(str, (kind, *pids))).encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def records(look, identities=(), pids=()):
    """What a look tells of these containers and processes, by kind."""
    def wanted(record):
        return record.get("container_id") in identities or record.get("pid") in pids

    told = look["records"]
    return {"containers": [one for one in told["containers"] if one["id"] in identities],
            **{kind: [one for one in told[kind] if wanted(one)] for kind in ("processes", "mounts", "files")}}
