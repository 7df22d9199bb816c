"""Faults: the ways in which the second release of the demonstration may be bad."""

from enum import StrEnum


class Fault(StrEnum):
    """How a version misbehaves.

    ERRORS: three of ten requests fail. LATENCY: every request takes 150 ms longer. CRASH: it ends after
    some seconds of traffic, and soon after each start from then on. SILENT: it serves and reports no
    telemetry. NONE: it is well.
    """

    ERRORS = "errors"
    LATENCY = "latency"
    CRASH = "crash"
    SILENT = "silent"
    NONE = "none"

    @property
    def told(self) -> str:
        """Return it in words, as what a version does."""
        return _TOLD[self]


_TOLD = {
    Fault.ERRORS: "fails three of ten requests",
    Fault.LATENCY: "takes 150 ms longer for every request",
    Fault.CRASH: "crashes after some seconds of traffic, again and again",
    Fault.SILENT: "serves, and reports no telemetry",
    Fault.NONE: "is as good as the one before",
}
