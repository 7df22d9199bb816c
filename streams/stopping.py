"""Stopping when told to: one place that turns SIGTERM and SIGINT into a flag."""

import signal
import threading
from types import FrameType


def stop_flag() -> threading.Event:
    """Return an event that is set when this process is asked to stop; call it from the main thread."""
    stop = threading.Event()

    def asked(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, asked)
    signal.signal(signal.SIGINT, asked)
    return stop
