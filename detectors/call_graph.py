"""The call graph as telemetry tells it: who calls whom, so that damage can be followed down to its source."""

from collections.abc import Sequence

from detectors.matching import selector_key
from detectors.windows import ServiceWindow
from schemas.judgements import Anomaly, Suspicion
from schemas.keys import ServiceName
from schemas.policy import Rule

OTHERS = "(others)"
"""Edge that stands for the callers beyond those that are kept apart; names nobody."""


def callers_of(window: ServiceWindow, rule: Rule) -> tuple[str, ...]:
    """Return the services that call this one, as its own samples and theirs name them, sorted."""
    keys = {selector_key(rule.traffic)}
    for signal in rule.signals:
        keys.add(selector_key(signal.exposure or signal.events))
    found = {edge for pod in window.pods.values() for key in sorted(keys) for edge in pod.edges(key)}
    found |= {pod.observer for pod in window.pods.values()}
    return tuple(sorted(found - {"", OTHERS}))


def depends_on(told: Sequence[Suspicion | Anomaly]) -> dict[ServiceName, frozenset[ServiceName]]:
    """Return for each service which of the others it calls, directly or through others of them.

    Args:
        told: One of each release, and of services without one; each says who calls its service.
    """
    called: dict[ServiceName, set[ServiceName]] = {item.service: set() for item in told}
    for callee in told:
        for caller in callee.callers:
            if caller in called and caller != callee.service:
                called[ServiceName(caller)].add(callee.service)
    reached = {}
    for service in called:
        seen: set[ServiceName] = set()
        waiting = sorted(called[service])
        while waiting:
            other = waiting.pop()
            if other not in seen:
                seen.add(other)
                waiting += sorted(called[other])
        reached[service] = frozenset(seen - {service})
    return reached
