"""Blame: which of several releases the damage in an environment points at.

Evidence is strongest where the damage was made: in the release's own pods against their stable twins. A
caller's pods, old and new alike, are harmed by what they call, so a release whose callers alone complain
ranks by that, and one that only fell silent ranks behind one that is seen to fail.

Damage comes up the call graph and never goes down it: a service that calls a failing one fails with it, and
fails more where chance sends it there more often. So a suspect that calls another one whose damage is as old
or older, and enough to convict, stands behind that one, however strong its own evidence is: the callee's new
pods fail beside its old ones, which no caller can bring about. It does not make the ranking unclear either.
Of two that do not call each other, the weight of the evidence decides, and where that is close, a human does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from detectors.call_graph import depends_on
from detectors.sentences import times_likelier
from schemas.judgements import Suspicion
from schemas.orders import Suspect

CLEAR_LEAD = 2.3
"""How far the first must lead the second, as a log of evidence: ten times likelier."""

MOST = 100.0
"""Evidence beyond this log adds nothing to the order: past it models, not data, speak."""

CONVINCING = 5.0
"""Evidence, as a log, from which a callee's damage explains its callers': about 150 times likelier."""

SAME_TIME = timedelta(minutes=2)
"""A callee's damage may seem to begin so much later than its caller's and still explain it: both are seen by
the minute, and the one with more traffic shows it first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Releases by how much they are to blame.

    Attributes:
        suspects: Most to blame first.
        is_clear: The first leads so far that it may be acted on alone.
        why: In words.
    """

    suspects: tuple[Suspect, ...]
    is_clear: bool
    why: str


def rank(suspicions: Sequence[Suspicion]) -> Ranking:
    """Return the releases of one environment by how much they are to blame.

    Args:
        suspicions: The newest of each release, any order.
    """
    sources = {s.release: _sources(s, suspicions) for s in suspicions}
    known = [_suspect(s, sources[s.release]) for s in suspicions]

    def place(suspect: Suspect) -> tuple[float, int, str]:
        # No further to the front than the least of what explains it, and behind that where they are equal.
        explaining = sources[suspect.release]
        least = min((_score(source) for source in explaining), default=suspect.score)
        return -min(suspect.score, least), len(explaining), suspect.release

    suspects = sorted(known, key=place)
    if not suspects:
        return Ranking(suspects=(), is_clear=False, why="nobody is suspected")
    first = suspects[0]
    if first.score <= 0:
        return Ranking(suspects=tuple(suspects), is_clear=False, why="no release shows damage of its own")
    explained = {name for name, found in sources.items() if first.release in [s.release for s in found]}
    second = max((s.score for s in suspects[1:] if s.release not in explained), default=0.0)
    lead = first.score - max(second, 0.0)
    is_clear = lead >= CLEAR_LEAD
    why = f"{first.service}: {first.why}"
    if len(suspects) > 1 and suspects[1].score > 0:
        why += f"; next {suspects[1].service}: {suspects[1].why}"
    if not is_clear:
        needed = times_likelier(CLEAR_LEAD)
        why += (
            f"; the first is {times_likelier(max(lead, 0.0))} times likelier than the next, {needed} needed"
        )
    return Ranking(suspects=tuple(suspects), is_clear=is_clear, why=why)


def _sources(suspicion: Suspicion, others: Sequence[Suspicion]) -> tuple[Suspicion, ...]:
    """Return the suspicions whose services this one calls and whose damage explains its own."""
    calls = depends_on(others).get(suspicion.service, frozenset())
    return tuple(
        other
        for other in others
        if other.service in calls
        and suspicion.service not in depends_on(others).get(other.service, frozenset())
        and _score(other) >= CONVINCING
        and _is_as_old(other, suspicion)
    )


def _is_as_old(callee: Suspicion, caller: Suspicion) -> bool:
    if callee.onset is None or caller.onset is None:
        return True
    return callee.onset <= caller.onset + SAME_TIME


def _score(suspicion: Suspicion) -> float:
    """Return what speaks against a release most; below 0 where all that is known speaks for it."""
    if suspicion.predates:
        return 0.0
    edge = max((log_e for _, log_e in suspicion.edge_log_e), default=0.0)
    against = [value for value in (suspicion.own_log_e, edge, suspicion.silence_log_e) if value]
    return min(max(against, default=0.0), MOST)


def _suspect(suspicion: Suspicion, sources: Sequence[Suspicion]) -> Suspect:
    edge = max((log_e for _, log_e in suspicion.edge_log_e), default=0.0)
    own, silence = suspicion.own_log_e, suspicion.silence_log_e
    parts = []
    if own > 0:
        parts.append(f"its own pods fail, {times_likelier(own)} times likelier than chance")
    if edge > 0:
        parts.append(f"{suspicion.edge_log_e[0][0]} complains of it, {times_likelier(edge)} times likelier")
    if silence > 0:
        parts.append(f"its canary is silent, {times_likelier(silence)} times likelier")
    if suspicion.predates:
        parts.append("the damage is older than the release or hits its old pods alike")
    if sources and _score(suspicion) > 0:
        called = " and ".join(sorted(source.service for source in sources))
        parts.append(f"which may come from {called} that it calls")
    return Suspect(
        release=suspicion.release,
        service=suspicion.service,
        score=_score(suspicion),
        why=", ".join(parts) or "nothing speaks against it",
    )
