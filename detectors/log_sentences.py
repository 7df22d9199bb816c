"""Log evidence in words: the statement, masked, and how often each side printed it."""

from detectors.sentences import counted, quantity, times_likelier
from detectors.weighing import Weighed
from schemas.judgements import Side

LONGEST = 120
"""Characters of a statement that evidence quotes."""


def log_text(
    statement: str,
    weighed: Weighed,
    threshold_log_e: float,
    is_new: bool,
    is_by_request: bool,
    may_convict: bool,
) -> str:
    """Return evidence about one statement as one sentence.

    Args:
        statement: The log line, with everything masked that varies; "" when it was forgotten since.
        weighed: What was weighed.
        threshold_log_e: Log e-value from which it convicts.
        is_new: No stable pod ever printed it.
        is_by_request: Exposures are requests, not pods' intervals.
        may_convict: It has a share of the budget.
    """
    quoted = f'"{statement[: LONGEST - 1]}…"' if len(statement) > LONGEST else f'"{statement}"'
    kind = f"{'new ' if is_new else ''}{'error line' if may_convict else 'line'}"
    other = " before the release" if weighed.control == weighed.quiet else ""
    needed = f" ({times_likelier(threshold_log_e)} needed)" if may_convict else ""
    canary, control = (
        f"{_often(side, is_by_request)} on {counted(side.pods, name)}"
        for side, name in ((weighed.canary, "canary pod"), (weighed.control, "stable pod"))
    )
    return (
        f"{kind} {quoted} {canary} against {control}{other}; "
        f"{times_likelier(weighed.log_e)} times likelier than chance{needed}"
    )


def _often(side: Side, is_by_request: bool) -> str:
    if side.level is None:
        return "never"
    if is_by_request:
        return f"{quantity(100 * side.level)} per 100 of {counted(side.exposure, 'request')}"
    lines = side.level * side.exposure
    return f"{quantity(lines)} times in {counted(side.intervals, 'interval')}"
