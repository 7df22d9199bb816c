"""The risk part: the chance that a release will have to be taken back, before anybody has seen it run.

It is by the model that the log names as champion, and by the shipped prior (`schemas.risk_prior`) where it
names none. Either asks a human at most: neither fails a build.
"""

from collections.abc import Mapping
from datetime import timedelta

from actions.quality.dependencies import dependency_files
from actions.quality.limits import Limits
from actions.quality.scoring.bands import between, in_band
from actions.quality.scoring.risk_words import moved_most
from actions.quality.scoring.words import counted
from schemas.models import ModelChanged
from schemas.quality import Change, GateOutcome, Part, Record
from schemas.reports import Indicator
from schemas.risk_prior import SHIPPED_PRIOR, smoothed_rate


def failure_rate(record: Record) -> float:
    """Return the posterior mean of the chance of a failed release.

    >>> failure_rate(Record()), round(failure_rate(Record(releases=90, failures=4)), 3)
    (0.1, 0.05)
    """
    return smoothed_rate(record.failures, record.releases)


def prior_values(
    change: Change, since_last: timedelta | None, service: Record, author: Record
) -> dict[str, float]:
    """Return what the shipped prior asks for; what is unknown is left out.

    Args:
        change: Its size.
        since_last: Time since the last build of the service; None for the first.
        service: How the service's releases went.
        author: How the author's went.
    """
    values = {"service_rate": failure_rate(service), "author_rate": failure_rate(author)}
    if change.lines is not None:
        values["change_lines"] = float(change.lines)
    if change.files is not None:
        values["change_files"] = float(change.files)
    if since_last is not None:
        values["hours_since_last"] = max(since_last, timedelta(0)) / timedelta(hours=1)
    return values


def change_indicators(change: Change) -> tuple[Indicator, ...]:
    """Return what is known of a change's size; nothing without a diff."""
    if change.lines is None:
        return ()
    return (
        Indicator(name="change_lines", value=change.lines),
        Indicator(name="change_files", value=change.files or 0),
        Indicator(name="change_dependency_files", value=dependency_files(change)),
    )


def score_risk(
    champion: ModelChanged | None,
    values: Mapping[str, float],
    prior: Mapping[str, float],
    change: Change,
    service: Record,
    limits: Limits,
) -> tuple[Part, tuple[Indicator, ...]]:
    """Return what the chance makes of the build; the last indicator is the chance itself.

    Args:
        champion: The model that the log names; None for the shipped prior.
        values: What a model asks for, by name.
        prior: What the shipped prior asks for.
        change: Its size, as it is told.
        service: How the service's releases went.
        limits: Weights and limits.
    """
    learnt = None if champion is None else champion.risk
    model, known = (SHIPPED_PRIOR, prior) if learnt is None else (learnt, values)
    chance = model.chance(known)
    if chance >= limits.risk_hold:
        outcome, badness = GateOutcome.HOLD, between(chance, limits.risk_hold, 1.0)
    elif chance >= limits.risk_warn:
        outcome, badness = GateOutcome.WARN, between(chance, limits.risk_warn, limits.risk_hold)
    else:
        outcome, badness = GateOutcome.PASS, between(chance, 0.0, limits.risk_warn)
    size = (
        "size unknown"
        if change.lines is None
        else f"{counted(change.lines, 'line')} in {counted(change.files or 0, 'file')}"
    )
    record = f"{service.failures} of {service.releases} releases taken back"
    by = (
        "by the shipped prior, since no model has been learnt"
        if champion is None or learnt is None
        else f"by model {champion.used}, learnt from {counted(champion.card.releases, 'release')}"
    )
    part = Part(
        name="risk",
        score=in_band(outcome, badness),
        weight=limits.weights.risk,
        outcome=outcome,
        reasons=(
            f"to be taken back with probability {chance:.2f}: {size}, {record}",
            by,
            *moved_most(model, known),
        ),
        decides=True,
    )
    return part, (*change_indicators(change), Indicator(name="failure_chance", value=chance))
