"""Starts a program under limits: a small program of its own, run by its path, that becomes the other one.

Limits are set here and not between fork and exec of the executor, where a process with threads may only do
what is safe in a signal handler. On Linux the program is killed when its executor dies.
"""

import ctypes
import json
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Set the limits that the first argument names, then become the program that the others name."""
    spec = json.loads(sys.argv[1])
    for name, value in spec["limits"].items():
        resource.setrlimit(getattr(resource, name), (value, value))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != spec["parent"]:
        sys.exit("the executor died before the program began")
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606  # no shell is wanted


if __name__ == "__main__":
    main()
