"""Backtests: a candidate's settings over a recorded log, release by release beside the champion's.

What really happened in the log was the old judge's doing: releases were taken back, people were asked. A
candidate that would have kept a release which was taken back is not told a happy end: what it would have seen
is not in the log, and is counted as such.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.instants import EPOCH
from streams.backtest_check import Checked, Tolerance, check
from streams.backtest_contenders import CHAMPION, Contender, LeftOut
from streams.backtest_figures import Figure, figures
from streams.backtest_judging import Judged, JudgedLog, Progress, judge_log
from streams.backtest_log import BacktestLog
from streams.backtest_pairs import Pair, blamed_in, pair_of
from streams.backtest_releases import Fate, Fates, fates_of
from streams.backtest_truth import Truths

__all__ = ["CHAMPION", "Change", "Comparison", "Contender", "Truths", "compare", "compared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One release of which the contenders say different things.

    Attributes:
        champion: Verdict and rollback under the champion's settings, in words.
        candidate: The same under the candidate's.
        at: When the earlier of the two that differ was said; None when neither says when.
        why: The first reason of the newest verdict of the one that is against it, else of the candidate.
        is_cut_off: What the candidate would have said later cannot be known.
    """

    release: str
    environment: str
    service: str
    champion: str
    candidate: str
    at: datetime | None
    why: str
    is_cut_off: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a backtest found.

    Attributes:
        log: What was judged.
        releases: How many there were.
        labelled: How many of them have a label.
        clusters: Environments and days, which are resampled as wholes.
        cut_off: Releases that were really taken back before the candidate called them harmful.
        figures: With paired intervals.
        changes: Releases of which the contenders say different things, by id.
        pairs: All releases, by id.
        left_out: What the candidate was not told, since it answers what it did not do.
        failed: Observations that an engine could not apply.
    """

    log: str
    champion: str
    candidate: str
    releases: int
    labelled: int
    clusters: int
    cut_off: int
    figures: tuple[Figure, ...]
    changes: tuple[Change, ...]
    pairs: tuple[Pair, ...]
    left_out: LeftOut
    failed: int

    def check(self, tolerance: Tolerance | None = None) -> Checked:
        """Return whether the candidate is worse; see `streams.backtest_check`."""
        return check(self.figures, list(self.pairs), tolerance or Tolerance())


def compare(
    log: BacktestLog,
    champion: Contender,
    candidate: Contender,
    labels: Truths | None = None,
    *,
    jobs: int | None = None,
    seed: int = 0,
    since: datetime | None = None,
    progress: Progress = lambda _: None,
) -> Comparison:
    """Run champion and candidate over a log and return how they compare.

    Args:
        log: What is judged.
        champion: Whose place is at stake, such as `CHAMPION`, the log's own settings.
        candidate: Who wants it.
        labels: What is known of the releases otherwise; without any, changes of verdict is all there is.
        jobs: Processes; None for one a core. The result is the same for any number.
        seed: What intervals are resampled from.
        since: Releases that began earlier are judged, but not counted.
        progress: Told now and then how far it is, from 0 to 1.

    Raises:
        SchemaError: the log is malformed.
    """
    judged = judge_log(log, (champion, candidate), jobs, progress)
    return compared(log.title, (champion, candidate), judged, labels or Truths(), seed=seed, since=since)


def compared(
    title: str,
    contenders: tuple[Contender, Contender],
    judged: JudgedLog,
    labels: Truths,
    *,
    seed: int = 0,
    since: datetime | None = None,
) -> Comparison:
    """Return how champion and candidate compare, from what they said; see `compare`."""
    first, second = (_fates(one) for one in judged.of)
    begins = since or EPOCH
    ids = sorted(name for name in first.of_release if name in second.of_release)
    pairs = [
        pair_of(
            champion := first.of_release[name],
            second.of_release[name],
            labels.of(champion.release),
            judged.undone.get(name),
            judged.until or champion.release.started_at,
        )
        for name in ids
        if first.of_release[name].release.started_at >= begins
    ]
    known = [pair for pair in pairs if pair.truth is not None]
    return Comparison(
        log=title,
        champion=contenders[0].name,
        candidate=contenders[1].name,
        releases=len(pairs),
        labelled=len(known),
        clusters=len({pair.cluster for pair in pairs}),
        cut_off=sum(pair.is_cut_off for pair in pairs),
        figures=figures(pairs, blamed_in(pairs, first.blamed, second.blamed), seed),
        changes=_changes(pairs),
        pairs=tuple(pairs),
        left_out=judged.of[1].left_out,
        failed=max(one.failed for one in judged.of),
    )


def _fates(judged: Judged) -> Fates:
    return fates_of((*judged.services, *judged.environments), judged.cut_off)


def _changes(pairs: Sequence[Pair]) -> tuple[Change, ...]:
    found = []
    for pair in pairs:
        words = _words(pair.champion), _words(pair.candidate)
        if words[0] == words[1]:
            continue
        release = pair.champion.release
        blaming = (
            pair.champion if pair.champion.harmful_at and not pair.candidate.harmful_at else pair.candidate
        )
        moments = [
            at
            for fate in (pair.champion, pair.candidate)
            for at in (fate.harmful_at, fate.called_at)
            if at is not None
        ]
        found.append(
            Change(
                release=release.id,
                environment=release.environment,
                service=release.service,
                champion=words[0],
                candidate=words[1],
                at=min(moments, default=None),
                why=blaming.reason,
                is_cut_off=pair.is_cut_off,
            )
        )
    return tuple(found)


def _words(fate: Fate) -> str:
    """Return a verdict and what followed, in words; equal words are no change."""
    verdict = fate.verdict.value if fate.verdict else "no verdict"
    if fate.cut_off_at is not None:
        return f"{verdict}, cannot be known after {fate.cut_off_at:%Y-%m-%d %H:%M}"
    if fate.ordered_at is not None:
        return f"{verdict}, rolled back {fate.ordered_at:%H:%M:%S}"
    if fate.called_at is not None:
        return f"{verdict}, rollback asked for {fate.called_at:%H:%M:%S}"
    return verdict
