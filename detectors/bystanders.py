"""Bystanders: damage at services that have no release under watch, and what it says of the releases.

Damage comes up the call graph. What was bad below a release before the release began may be what its pods
suffer from: it explains the release's damage, and a human has to look. What turns bad above a release after
it began is what a bad release would do to its callers: that corroborates, and convicts nobody.

A release in its aftercare was well once, so what its pods suffer from may have begun below it since: any
damage there that is no newer than its own explains it.

A service without a release tells of its damage as an anomaly, once, and not of its end. So damage below
explains what begins within a watch's length after it was told, and is blind to a recovery in between.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pydantic import AwareDatetime

from schemas.judgements import Anomaly, Suspicion
from schemas.keys import ServiceName

DATED = timedelta(minutes=1)
"""Damage is dated by the start of its interval, and may have begun so much later."""

MOST_NAMED = 3
"""Services that are named in a sentence; the text of a large outage stays readable."""

Graph = Mapping[ServiceName, frozenset[ServiceName]]
"""Which services each service calls, directly or through others; see `detectors.call_graph.depends_on`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Damage at a service without a release.

    Attributes:
        anomaly: What the service told.
        explains_until: Releases that begin at or after this instant are not explained by it.
    """

    anomaly: Anomaly
    explains_until: AwareDatetime


def explaining(suspicion: Suspicion, damages: Sequence[Damage], calls: Graph) -> tuple[Anomaly, ...]:
    """Return the damage that is older than a release and lies below it, oldest first, one a service."""
    return _by_service(
        damage.anomaly
        for damage in damages
        if _is_older(damage, suspicion) and _is_above(suspicion.service, damage.anomaly.service, calls)
    )


def _is_older(damage: Damage, suspicion: Suspicion) -> bool:
    if not suspicion.is_aftercare:
        return damage.anomaly.since + DATED <= suspicion.started_at < damage.explains_until
    onset = suspicion.onset or suspicion.at
    return damage.anomaly.since <= onset + DATED and onset < damage.explains_until


def corroborating(
    suspicion: Suspicion, damages: Sequence[Damage], suspected: Sequence[Suspicion], calls: Graph
) -> tuple[Anomaly, ...]:
    """Return the damage at a release's callers that began after it, oldest first, one a service.

    Args:
        suspicion: The release's.
        damages: Of services without a release.
        suspected: All that something speaks against; what one of the others may have done is left out.
        calls: The call graph.
    """
    return _by_service(
        damage.anomaly
        for damage in damages
        if damage.anomaly.since >= suspicion.started_at
        and _is_above(damage.anomaly.service, suspicion.service, calls)
        and not any(
            other.release != suspicion.release
            and other.started_at <= damage.anomaly.since
            and other.service in {damage.anomaly.service, *calls.get(damage.anomaly.service, frozenset())}
            for other in suspected
        )
    )


def explanation(found: Sequence[Anomaly], suspicion: Suspicion) -> str:
    """Return in words that damage below a release is older than it, or than its own.

    Args:
        found: At least one.
        suspicion: The release's.
    """
    when = "no later than it did" if suspicion.is_aftercare else "before it began"
    told = " and ".join(f"{item.service} (since {item.since:%H:%M})" for item in found[:MOST_NAMED])
    was_bad = "turned bad" if suspicion.is_aftercare else "was bad"
    return f"which may come from {told} that it calls and that {was_bad} {when}"


def corroboration(found: Sequence[Anomaly], suspicion: Suspicion) -> str:
    """Return in words that callers turned bad after a release began.

    Args:
        found: At least one.
        suspicion: The release's.
    """
    told = []
    for item in found[:MOST_NAMED]:
        minutes = (item.since - suspicion.started_at) // timedelta(minutes=1)
        after = f"{minutes} minute{'s' if minutes > 1 else ''}" if minutes else "less than a minute"
        told.append(f"its caller {item.service} turned bad {after} after")
    return ", ".join(told)


def _is_above(upper: ServiceName, lower: ServiceName, calls: Graph) -> bool:
    """Return whether one service calls the other and is not called by it."""
    nothing: frozenset[ServiceName] = frozenset()
    return lower in calls.get(upper, nothing) and upper not in calls.get(lower, nothing)


def _by_service(found: Iterable[Anomaly]) -> tuple[Anomaly, ...]:
    first: dict[ServiceName, Anomaly] = {}
    for item in sorted(found, key=lambda item: (item.since, item.service, item.id)):
        first.setdefault(item.service, item)
    return tuple(first.values())
