"""Blame: which of several releases the damage in an environment points at.

Evidence is strongest where the damage was made: in the release's own pods against their stable twins. A
caller's pods, old and new alike, are harmed by what they call, so a release whose callers alone complain
ranks by that, and one that only fell silent ranks behind one that is seen to fail.

Damage comes up the call graph and never goes down it: a service that calls a failing one fails with it, and
fails more where chance sends it there more often. So a suspect that calls another one whose damage is as old
or older, and enough to convict, stands behind that one, however strong its own evidence is: the callee's new
pods fail beside its old ones, which no caller can bring about. It does not make the ranking unclear either.
Of two that do not call each other, the weight of the evidence decides, and where that is close, a human does.

Services without a release speak through `bystanders`: older damage below a release explains the release's,
which then counts for no more than is convincing and is never acted on alone; newer damage above it, that no
other suspect explains, orders releases that are otherwise equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from detectors.bystanders import Damage, corroborating, corroboration, explaining, explanation
from detectors.call_graph import depends_on
from detectors.sentences import times_likelier
from schemas.judgements import Anomaly, Suspicion
from schemas.keys import ReleaseId, ServiceName
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """What the services around a release say of it.

    Attributes:
        sources: Suspicions of what it calls that explain its damage.
        older: Damage below it, at services without a release, that is older than it.
        newer: Damage above it, at services without a release, that began after it.
    """

    sources: tuple[Suspicion, ...]
    older: tuple[Anomaly, ...]
    newer: tuple[Anomaly, ...]

    def weight(self, score: float) -> float:
        """Return how far a release's score counts against the others'."""
        return min(score, CONVINCING) if self.older else score


def rank(suspicions: Sequence[Suspicion], damages: Sequence[Damage] = ()) -> Ranking:
    """Return the releases of one environment by how much they are to blame.

    Args:
        suspicions: The newest of each release, any order.
        damages: Of services without a release, any order.
    """
    around = _around(suspicions, damages)
    known = [_suspect(s, around[s.release]) for s in suspicions]

    def place(suspect: Suspect) -> tuple[float, int, int, str]:
        # No further to the front than the least of what explains it, and behind that where they are equal.
        found = around[suspect.release]
        weight = found.weight(suspect.score)
        least = min((_score(source) for source in found.sources), default=weight)
        explained = len(found.sources) + len(found.older)
        return -min(weight, least), explained, -len(found.newer), suspect.release

    suspects = sorted(known, key=place)
    if not suspects:
        return Ranking(suspects=(), is_clear=False, why="nobody is suspected")
    first = suspects[0]
    if first.score <= 0:
        return Ranking(suspects=tuple(suspects), is_clear=False, why="no release shows damage of its own")
    explained = {
        name for name, found in around.items() if first.release in [s.release for s in found.sources]
    }
    rivals = [s for s in suspects[1:] if s.release not in explained]
    second = max((around[s.release].weight(s.score) for s in rivals), default=0.0)
    lead = around[first.release].weight(first.score) - max(second, 0.0)
    has_lead = lead >= CLEAR_LEAD
    is_clear = has_lead and not around[first.release].older
    why = f"{first.service}: {first.why}"
    if len(suspects) > 1 and suspects[1].score > 0:
        why += f"; next {suspects[1].service}: {suspects[1].why}"
    if not has_lead:
        needed = times_likelier(CLEAR_LEAD)
        why += (
            f"; the first is {times_likelier(max(lead, 0.0))} times likelier than the next, {needed} needed"
        )
    return Ranking(suspects=tuple(suspects), is_clear=is_clear, why=why)


def _around(suspicions: Sequence[Suspicion], damages: Sequence[Damage]) -> dict[ReleaseId, _Around]:
    calls = depends_on([*suspicions, *(damage.anomaly for damage in damages)])
    suspected = [suspicion for suspicion in suspicions if _score(suspicion) > 0]
    return {
        suspicion.release: _Around(
            sources=_sources(suspicion, suspicions, calls),
            older=explaining(suspicion, damages, calls) if suspicion in suspected else (),
            newer=corroborating(suspicion, damages, suspected, calls),
        )
        for suspicion in suspicions
    }


def _sources(
    suspicion: Suspicion, others: Sequence[Suspicion], calls: dict[ServiceName, frozenset[ServiceName]]
) -> tuple[Suspicion, ...]:
    """Return the suspicions whose services this one calls and whose damage explains its own."""
    return tuple(
        other
        for other in others
        if other.service in calls[suspicion.service]
        and suspicion.service not in calls[other.service]
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


def _suspect(suspicion: Suspicion, around: _Around) -> Suspect:
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
    if around.sources and _score(suspicion) > 0:
        called = " and ".join(sorted(source.service for source in around.sources))
        parts.append(f"which may come from {called} that it calls")
    parts = parts or ["nothing speaks against it"]
    if around.older:
        parts.append(explanation(around.older, suspicion))
    elif around.newer:
        parts.append(corroboration(around.newer, suspicion))
    return Suspect(
        release=suspicion.release,
        service=suspicion.service,
        score=_score(suspicion),
        why=", ".join(parts),
    )
