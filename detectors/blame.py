"""Blame: which of several releases the damage in an environment points at.

Evidence is strongest where the damage was made: in the release's own pods against their stable twins. A
caller's pods, old and new alike, are harmed by what they call, so a release whose callers alone complain
ranks by that, and one that only fell silent ranks behind one that is seen to fail.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from detectors.sentences import times_likelier
from schemas.judgements import Suspicion
from schemas.orders import Suspect

CLEAR_LEAD = 2.3
"""How far the first must lead the second, as a log of evidence: ten times likelier."""

MOST = 100.0
"""Evidence beyond this log adds nothing to the order: past it models, not data, speak."""


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
    suspects = sorted((_suspect(s) for s in suspicions), key=lambda s: (-s.score, s.release))
    if not suspects:
        return Ranking(suspects=(), is_clear=False, why="nobody is suspected")
    first = suspects[0]
    if first.score <= 0:
        return Ranking(suspects=tuple(suspects), is_clear=False, why="no release shows damage of its own")
    second = suspects[1].score if len(suspects) > 1 else 0.0
    is_clear = first.score - max(second, 0.0) >= CLEAR_LEAD
    why = f"{first.service}: {first.why}"
    if len(suspects) > 1 and second > 0:
        why += f"; next {suspects[1].service}: {suspects[1].why}"
    return Ranking(suspects=tuple(suspects), is_clear=is_clear, why=why)


def _suspect(suspicion: Suspicion) -> Suspect:
    edge = max((log_e for _, log_e in suspicion.edge_log_e), default=0.0)
    own, silence = suspicion.own_log_e, suspicion.silence_log_e
    score = max(min(own, MOST), min(edge, MOST), min(silence, MOST))
    parts = []
    if own > 0:
        parts.append(f"its own pods fail, {times_likelier(own)} times likelier than chance")
    if edge > 0:
        parts.append(f"{suspicion.edge_log_e[0][0]} complains of it, {times_likelier(edge)} times likelier")
    if silence > 0:
        parts.append(f"its canary is silent, {times_likelier(silence)} times likelier")
    if suspicion.predates:
        score = 0.0
        parts.append("the damage is older than the release or hits its old pods alike")
    return Suspect(
        release=suspicion.release,
        service=suspicion.service,
        score=score,
        why=", ".join(parts) or "nothing speaks against it",
    )
