"""Stopping: when asked by a signal, and when the process that started this one is gone."""

import os
import signal
import threading
import time
from types import FrameType


def stop_flag() -> threading.Event:
    """Return an event that is set when this process is asked to stop; call it from the main thread."""
    stop = threading.Event()

    def asked(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, asked)
    signal.signal(signal.SIGINT, asked)
    return stop


def stop_with(parent: int) -> None:
    """Ask this process to stop when its parent is gone, also when that was killed without a word.

    A part whose process tree was killed would go on beside the parts of the next one.

    Args:
        parent: Process id of the parent; 0 follows nobody.
    """
    if parent:
        threading.Thread(target=_watch, args=(parent,), name="parent-watch", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os.kill(os.getpid(), signal.SIGTERM)
