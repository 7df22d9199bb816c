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

from math import log

from detectors.case import Case, Finding
from detectors.log_counts import is_of_templates
from detectors.log_panels import Exposures, Printed, exposures_of, lines_of, printed
from detectors.log_sentences import log_text
from detectors.weighing import Weighed
from schemas.judgements import Evidence
from schemas.signals import Signal

MOST_WEIGHED = 32
"""Statements that are weighed at one look: those that the canary printed most."""

MOST_SHOWN = 5
"""Statements that are shown beside those that convict, and statements of other levels that are."""

SAME_WORDS = 0.5
"""Share of words in common from which a new statement may be an old one that was reworded."""


def of_log_templates(case: Case) -> list[Finding]:
    """Return what statements say of a release; nothing when no signal asks for them."""
    signal = next((s for s in case.rule.signals if is_of_templates(s)), None)
    if signal is None or not case.found.canary or case.span.end <= case.span.start:
        return []
    exposures = exposures_of(case, signal)
    said = _of_errors(case, signal, exposures)
    said.sort(
        key=lambda finding: (finding.evidence.threshold_log_e - finding.evidence.log_e, finding.evidence.id)
    )
    shown = [finding for place, finding in enumerate(said) if place < MOST_SHOWN or finding.evidence.convicts]
    return shown + _of_others(case, signal, exposures)


def _of_errors(case: Case, signal: Signal, exposures: Exposures) -> list[Finding]:
    everything = printed(case, is_error=True)
    known = sorted((p for p in everything if not p.is_fresh), key=lambda p: (-p.quiet, p.group))
    fresh = sorted((p for p in everything if p.is_fresh), key=lambda p: (p.appeared, p.group))
    ranked = [(p, rank) for order in (known, fresh) for rank, p in enumerate(order, start=1) if p.canary]
    ranked.sort(key=lambda entry: (-entry[0].canary, entry[0].group))
    said = []
    for entry, rank in ranked[:MOST_WEIGHED]:
        reworded = _reworded(case, entry, known) if entry.is_new else []
        lines = lines_of(case, {entry.group, *reworded}, is_error=True)
        appeared = entry.appeared - case.span.start
        weighed = exposures.weighed(signal, lines, after=appeared if entry.is_fresh else -1)
        part = (signal.share or 1.0) / case.shares * 0.5 / (rank * (rank + 1))
        is_new = entry.is_new and not reworded
        said.append(_finding(case, signal, entry.group, weighed, part, signal.share > 0, is_new, exposures))
    return said


def _of_others(case: Case, signal: Signal, exposures: Exposures) -> list[Finding]:
    """Return statements below error level that only the canary prints, for the reader."""
    fresh = [p for p in printed(case, is_error=False) if p.is_new]
    fresh.sort(key=lambda p: (-p.canary, p.group))
    said = []
    for entry in fresh[:MOST_SHOWN]:
        lines = lines_of(case, {entry.group}, is_error=False)
        weighed = exposures.weighed(signal, lines, after=entry.appeared - case.span.start)
        if weighed.log_e > 0:
            part = (signal.share or 1.0) / case.shares * 0.5
            said.append(_finding(case, signal, entry.group, weighed, part, False, True, exposures))
    return said


def _finding(
    case: Case,
    signal: Signal,
    group: int,
    weighed: Weighed,
    part: float,
    may_convict: bool,
    is_new: bool,
    exposures: Exposures,
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


def _reworded(case: Case, entry: Printed, known: list[Printed]) -> list[int]:
    """Return the old statements that a new one seems to have replaced.

    An old statement that the canary stopped printing, in much the same words, is likely the same one with
    its text changed. As one they show whether more of it is printed.
    """
    words = _words(case, entry.group)
    replaced = []
    for other in known:
        theirs = _words(case, other.group)
        shared = len(words.keys() & theirs.keys()) / max(len(words.keys() | theirs.keys()), 1)
        if not other.canary and shared >= SAME_WORDS:
            replaced.append(other.group)
    return replaced


def _words(case: Case, group: int) -> dict[str, None]:
    return {word.lower(): None for word in case.window.templates.text(group).split() if word[0].isalpha()}
