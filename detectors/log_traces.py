"""Stack traces that come as a record a line: which records only go on with what another one said."""

import re
from dataclasses import dataclass

SAME_MS = 1000
"""Records of one pod so close together may belong to one trace."""

_FRAME = re.compile(
    r"at (?:async |new )?[\w.$<>\[\]/@-]+ ?\(|at (?:async )?\S+:(?:<n>|\d+):(?:<n>|\d+)\)?$"
    r"|\.\.\. (?:<n>|\d+) (?:more|common frames)|Caused by: |Suppressed: |created by \S+ in goroutine"
    r"|File \"|\^+$|During handling of the above exception|The above exception was the direct cause"
)
_OPENER = re.compile(r"Traceback \(most recent call last\)|goroutine (?:<n>|\d+) \[")
_FAULT = re.compile(
    r"(?:[A-Za-z_$][\w$]*\.){0,12}[A-Z][\w$]*(?:Exception|Error|Throwable|Failure|Exit)(?::|$)"
)


@dataclass(slots=True, kw_only=True)
class Tail:
    """Where one pod's log stands.

    Attributes:
        head_ms: When it last told of an error of its own; None before.
        is_fault: That was the bare name of an error, which a further one does not go on with.
        open_ms: When a trace was opened whose lines look like any others: Python's until it names its error,
            Go's for as long as its records come at once.
    """

    head_ms: int | None = None
    is_fault: bool = False
    open_ms: int | None = None

    def goes_on(self, text: str, time_ms: int, is_error: bool) -> bool:
        """Return whether a record only goes on with the one before, and note it.

        Frames always do. The error that a trace names does, unless no error was told of just before it.
        """
        if _OPENER.match(text):
            self.open_ms = time_ms
            return True
        if _FRAME.match(text):
            return True
        is_fault = _FAULT.match(text) is not None
        is_inside = self.open_ms is not None and abs(time_ms - self.open_ms) <= SAME_MS
        if is_inside and not is_fault:
            # A line of the program's own text between two frames.
            return True
        self.open_ms = None
        is_near = self.head_ms is not None and abs(time_ms - self.head_ms) <= SAME_MS
        if is_fault and is_near and not self.is_fault:
            return True
        if is_error:
            self.head_ms, self.is_fault = time_ms, is_fault
        return False
