"""How long an incident took, from the first bad interval to recovery, in sentences."""

from datetime import datetime

from feature_store.why import Story
from feature_store.wording import span
from schemas.judgements import Recovery, VerdictKind
from schemas.orders import Command, Decision


def times_told(story: Story, recovery: Recovery, command: Command) -> str:
    """Return the time to recovery and what it went by; "" where its beginning or its end is unknown.

    The beginning is the start of the first bad interval: no request before it was bad, and the first that was
    came up to an interval later.
    """
    began, ended = recovery.first_bad_at, recovery.recovered_at
    if began is None or ended is None:
        return ""
    steps = ", ".join(
        f"{'-' if end < start else ''}{span(end - start)} {what}"
        for what, start, end in _phases(story, recovery, command, began)
        if start != end
    )
    return f"From the first bad interval to recovery: {span(ended - began)} ({steps})"


def _phases(
    story: Story, recovery: Recovery, command: Command, began: datetime
) -> list[tuple[str, datetime, datetime]]:
    """Return the phases that are known, each with its beginning and its end, in order."""
    detected = next((each.at for each in story.verdicts if each.kind is VerdictKind.HARMFUL), None)
    decided = next((each.at for each in story.of(Decision) if each.id == command.decision), None)
    marks = [
        ("to detect", detected),
        ("to decide", decided),
        ("to approve" if command.approved_by else "to order", command.issued_at),
        ("to act", recovery.acted_at),
        ("to recover", recovery.recovered_at),
    ]
    phases = []
    last = began
    for what, at in marks:
        if at is not None:
            phases.append((what, last, at))
            last = at
    return phases
