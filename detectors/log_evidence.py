"""Log evidence: statements that a release's pods print and stable pods do not, or not as often.

Every statement at error level is weighed by itself as counts, canary against the stable pods of the same
intervals (`detectors.weighing`), per request where requests are counted and per pod and interval where they
are not. Other levels are shown when they are new and never convict.

The signal's part of the budget is spent over the statements by weights that are fixed before the evidence
comes: half for statements of the quiet time, by how often they were printed then, half for statements that
appeared since, by when. The k-th of each gets 1 / (k (k + 1)), which adds up to one however many come. The
interval in which a statement appears chooses it, so it does not count for it.

Sources: V. Vovk, R. Wang, "E-values: Calibration, combination and applications", Annals of Statistics 49
(2021), for weighted e-values; D. Foster, R. Stine, "Alpha-investing", JRSS B 70 (2008), for spending over
hypotheses that arrive one by one.
"""

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from detectors.case import Case, Finding
from detectors.log_counts import is_of_templates
from detectors.log_sentences import log_text
from detectors.panels import Floats, Panel, read
from detectors.weighing import Weighed, weigh
from schemas.judgements import Evidence
from schemas.signals import Signal

NOMINAL_REQUESTS = 1000.0
"""What one pod-interval counts for where nobody counts requests: a margin of 0.002 is then two lines."""

MOST_WEIGHED = 32
"""Statements that are weighed at one look: those that the canary printed most."""

MOST_SHOWN = 5
"""Statements that are shown beside those that convict, and statements of other levels that are."""

SAME_WORDS = 0.5
"""Share of words in common from which a new statement may be an old one that was reworded."""


@dataclass(frozen=True, slots=True, eq=False)
class _Statement:
    """Lines of one statement.

    Attributes:
        group: Number that stands for it.
        canary: Lines since the release, (canary pods, intervals).
        stable: Lines since the release, (stable pods, intervals).
        quiet: Lines before it, (stable pods, quiet intervals).
    """

    group: int
    canary: Floats
    stable: Floats
    quiet: Floats

    @property
    def appeared(self) -> int:
        """Return the first live interval in which anybody printed it; their number when nobody did."""
        told = np.flatnonzero(self.canary.sum(axis=0) + self.stable.sum(axis=0))
        return int(told[0]) if len(told) else self.canary.shape[1]

    def with_lines_of(self, other: "_Statement") -> "_Statement":
        """Return both statements as one."""
        return _Statement(
            self.group, self.canary + other.canary, self.stable + other.stable, self.quiet + other.quiet
        )


def of_log_templates(case: Case) -> list[Finding]:
    """Return what statements say of a release; nothing when no signal asks for them."""
    signal = next((s for s in case.rule.signals if is_of_templates(s)), None)
    if signal is None or not case.found.canary or case.span.end <= case.span.start:
        return []
    exposures = _exposures(case, signal)
    said = _of_errors(case, signal, exposures)
    said.sort(
        key=lambda finding: (finding.evidence.threshold_log_e - finding.evidence.log_e, finding.evidence.id)
    )
    shown = [finding for place, finding in enumerate(said) if place < MOST_SHOWN or finding.evidence.convicts]
    return shown + _of_others(case, signal, exposures)


def _of_errors(case: Case, signal: Signal, exposures: "_Exposures") -> list[Finding]:
    statements = _statements(case, is_error=True)
    known = sorted((s for s in statements if s.quiet.any()), key=lambda s: (-float(s.quiet.sum()), s.group))
    fresh = sorted((s for s in statements if not s.quiet.any()), key=lambda s: (s.appeared, s.group))
    ranked = [(s, rank, False) for rank, s in enumerate(known, start=1)]
    ranked += [(s, rank, True) for rank, s in enumerate(fresh, start=1)]
    printed = sorted(
        (entry for entry in ranked if entry[0].canary.any()),
        key=lambda entry: (-float(entry[0].canary.sum()), entry[0].group),
    )
    said = []
    for statement, rank, is_fresh in printed[:MOST_WEIGHED]:
        pooled = (
            _with_reworded(case, statement, known) if not statement.stable.any() and is_fresh else statement
        )
        weighed = exposures.weighed(signal, pooled, after=statement.appeared if is_fresh else -1)
        part = (signal.share or 1.0) / case.shares * 0.5 / (rank * (rank + 1))
        is_new = not (pooled.stable.any() or pooled.quiet.any())
        said.append(
            _finding(case, signal, statement.group, weighed, part, signal.share > 0, is_new, exposures)
        )
    return said


def _of_others(case: Case, signal: Signal, exposures: "_Exposures") -> list[Finding]:
    """Return statements below error level that only the canary prints, for the reader."""
    fresh = [s for s in _statements(case, is_error=False) if not s.quiet.any() and not s.stable.any()]
    fresh.sort(key=lambda s: (-float(s.canary.sum()), s.group))
    said = []
    for statement in fresh[:MOST_SHOWN]:
        weighed = exposures.weighed(signal, statement, after=statement.appeared)
        if weighed.log_e > 0:
            part = (signal.share or 1.0) / case.shares * 0.5
            said.append(_finding(case, signal, statement.group, weighed, part, False, True, exposures))
    return said


def _finding(
    case: Case,
    signal: Signal,
    group: int,
    weighed: Weighed,
    part: float,
    may_convict: bool,
    is_new: bool,
    exposures: "_Exposures",
) -> Finding:
    alpha = case.rule.judge.alpha * part
    threshold = log(1.0 / alpha)
    detector = f"log-template-{group}"
    text = log_text(
        case.window.templates.text(group), weighed, threshold, is_new, exposures.is_by_request, may_convict
    )
    return Finding(
        evidence=Evidence(
            id=case.evidence_id(signal.name, "", detector),
            release=case.release.id,
            signal=signal.name,
            detector=detector,
            at=case.now,
            canary=weighed.canary,
            control=weighed.control,
            log_e=weighed.log_e,
            threshold_log_e=threshold,
            margin=weighed.margin,
            comparison="stable pods of the same minutes, and the quiet time",
            join=case.found.join,
            text=text,
        ),
        alpha=alpha if may_convict else 0.0,
        first_bad=case.span.start + weighed.first_bad if weighed.first_bad >= 0 else -1,
        predates=weighed.predates,
    )


def _statements(case: Case, *, is_error: bool) -> list[_Statement]:
    """Return every statement that anybody printed at error level, or below it."""
    window, found, span = case.window, case.found, case.span
    live, before = span.end - span.start, span.start - span.quiet
    table: dict[int, _Statement] = {}
    for is_canary, keys in ((True, found.canary), (False, found.stable)):
        for row, key in enumerate(keys):
            for number, track in window.pods[key].lines.counted(is_error):
                group = window.templates.group(number)
                statement = table.get(group)
                if statement is None:
                    statement = table[group] = _Statement(
                        group,
                        np.zeros((len(found.canary), live)),
                        np.zeros((len(found.stable), live)),
                        np.zeros((len(found.stable), before)),
                    )
                if is_canary:
                    statement.canary[row] += track.between(span.start, span.end)[0]
                else:
                    statement.stable[row] += track.between(span.start, span.end)[0]
                    statement.quiet[row] += track.between(span.quiet, span.start)[0]
    return list(table.values())


def _with_reworded(case: Case, statement: _Statement, known: list[_Statement]) -> _Statement:
    """Return a new statement together with the old ones that it seems to have replaced.

    An old statement that the canary stopped printing, in much the same words, is likely the same one with
    its text changed. As one they show whether more of it is printed.
    """
    words = _words(case, statement.group)
    for other in known:
        theirs = _words(case, other.group)
        shared = len(words.keys() & theirs.keys()) / max(len(words.keys() | theirs.keys()), 1)
        if not other.canary.any() and shared >= SAME_WORDS:
            statement = statement.with_lines_of(other)
    return statement


def _words(case: Case, group: int) -> dict[str, None]:
    return {word.lower(): None for word in case.window.templates.text(group).split() if word[0].isalpha()}


@dataclass(frozen=True, slots=True, eq=False)
class _Exposures:
    """What lines are counted against, for each pod and interval.

    Attributes:
        is_by_request: They are requests; else pods' intervals, each as `NOMINAL_REQUESTS`.
        is_warm: Which of the canary's intervals count, (canary pods, intervals).
    """

    canary: Floats
    stable: Floats
    quiet: Floats
    is_by_request: bool
    is_warm: NDArray[np.bool_]

    def weighed(self, signal: Signal, statement: _Statement, after: int) -> Weighed:
        """Return a statement weighed by the canary's warm intervals behind one interval."""
        counts = self.is_warm.copy()
        counts[:, : after + 1] = False
        canary = _panel(np.where(counts, statement.canary, 0.0), np.where(counts, self.canary, 0.0))
        return weigh(
            signal, canary, _panel(statement.stable, self.stable), _panel(statement.quiet, self.quiet)
        )


def _panel(lines: Floats, exposure: Floats) -> Panel:
    return Panel(np.where(exposure > 0, lines, 0.0), exposure)


def _exposures(case: Case, signal: Signal) -> _Exposures:
    """Return requests where both sides count them, else the intervals in which each pod spoke."""
    window, found, span = case.window, case.found, case.span
    parts = (
        (found.canary, span.start, span.end),
        (found.stable, span.start, span.end),
        (found.stable, span.quiet, span.start),
    )
    is_warm = np.ones((len(found.canary), span.end - span.start), dtype=bool)
    for row, key in enumerate(found.canary):
        first_ms = window.pods[key].first_ms
        if first_ms is not None:
            is_warm[row, : max(first_ms // window.width_ms + signal.warm_up - span.start, 0)] = False
    if signal.exposure is not None:
        canary, stable, quiet = (
            np.maximum(read(window, keys, signal.exposure, None, first, end)[0], 0.0)
            for keys, first, end in parts
        )
        if canary.any() and (stable.any() or quiet.any()):
            return _Exposures(canary, stable, quiet, True, is_warm)
    canary, stable, quiet = (
        NOMINAL_REQUESTS
        * np.array(
            [window.pods[key].spoken.between(first, end)[1] > 0 for key in keys], dtype=np.float64
        ).reshape(len(keys), max(end - first, 0))
        for keys, first, end in parts
    )
    return _Exposures(canary, stable, quiet, False, is_warm)
