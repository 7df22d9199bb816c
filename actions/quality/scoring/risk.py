"""The risk part: the chance that a release will have to be taken back, before anybody has seen it run.

A logistic form over what is known before a release. Its intercept is the service's own record, so that
an ordinary release of a service is as risky as its releases have been: that is what calibrates it. The
other coefficients are priors, chosen and not fitted; their signs are those that studies agree on.

Sources: Y. Kamei et al., "A Large-Scale Empirical Study of Just-in-Time Quality Assurance", IEEE TSE 39
(2013), for size, files and experience as what predicts defects of a change; the prior rate of 10 % is the
middle of what DORA reports call the change failure rate.
"""

from datetime import timedelta
from math import exp, log, log2

from actions.quality.limits import Limits
from actions.quality.scoring.bands import between, in_band
from actions.quality.scoring.words import counted
from schemas.quality import Change, GateOutcome, Part, Record
from schemas.reports import Indicator

PRIOR_FAILURES = 1.0
PRIOR_RELEASES = 10.0
"""A service or an author without a record: as if one of ten releases had failed."""

ORDINARY_LINES = 50
ORDINARY_FILES = 3
ORDINARY_GAP = timedelta(days=1)
PER_DOUBLING_LINES = 0.15
PER_DOUBLING_FILES = 0.10
PER_DOUBLING_GAP = 0.05
AUTHOR_SHARE = 0.5
"""How much of an author's distance from the prior counts, in log-odds."""

_FARTHEST = 8.0


def failure_rate(record: Record) -> float:
    """Return the posterior mean of the chance of a failed release.

    >>> failure_rate(Record()), round(failure_rate(Record(releases=90, failures=4)), 3)
    (0.1, 0.05)
    """
    return (PRIOR_FAILURES + record.failures) / (PRIOR_RELEASES + record.releases)


def failure_chance(change: Change, since_last: timedelta | None, service: Record, author: Record) -> float:
    """Return the chance in (0, 1) that the release has to be taken back; what is unknown says nothing.

    Args:
        change: Its size.
        since_last: Time since the last build of the service; None for the first.
        service: How the service's releases went.
        author: How the author's went.
    """
    odds = _logit(failure_rate(service))
    if change.lines is not None:
        odds += PER_DOUBLING_LINES * _doublings(change.lines, ORDINARY_LINES)
    if change.files is not None:
        odds += PER_DOUBLING_FILES * _doublings(change.files, ORDINARY_FILES)
    if since_last is not None:
        hours = max(since_last, timedelta(0)) / timedelta(hours=1)
        odds += PER_DOUBLING_GAP * _doublings(hours, ORDINARY_GAP / timedelta(hours=1))
    odds += AUTHOR_SHARE * (_logit(failure_rate(author)) - _logit(PRIOR_FAILURES / PRIOR_RELEASES))
    return 1 / (1 + exp(-odds))


def score_risk(
    chance: float, change: Change, service: Record, limits: Limits
) -> tuple[Part, tuple[Indicator, ...]]:
    """Return what the chance makes of the build; it asks a human and never fails a build."""
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
    part = Part(
        name="risk",
        score=in_band(outcome, badness),
        weight=limits.weights.risk,
        outcome=outcome,
        reasons=(f"to be taken back with probability {chance:.2f}: {size}, {record}",),
        decides=True,
    )
    return part, (Indicator(name="failure_chance", value=chance),)


def _doublings(value: float, ordinary: float) -> float:
    """Return how many times larger than ordinary, in doublings, within bounds."""
    return max(-_FARTHEST, min(_FARTHEST, log2(max(value, 0.5) / ordinary)))


def _logit(chance: float) -> float:
    return log(chance / (1 - chance))
