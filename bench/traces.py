"""How the evidence against a recorded release grew, look by look."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bench.changerca_data import Change
from bench.switches import exchanged
from detectors.watch import Look, look
from streams import service_engine
from streams.pipeline import effects_of_pod_minutes
from streams.pod_minutes import Row


@dataclass(slots=True)
class Trace:
    """The looks at one release.

    Attributes:
        minutes: When, in minutes since its canary was ready.
        log_e: Log e-value less its threshold at each look, by signal and check; above 0 it convicts.
    """

    minutes: list[float] = field(default_factory=list)
    log_e: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


def traces(rows: list[Row], wanted: list[Change]) -> dict[str, Trace]:
    """Return how the evidence against some changes grew up to their next step, by change.

    Args:
        rows: The whole recording.
        wanted: The changes to follow; only their cases are played.
    """
    cases = {change.case for change in wanted}
    looks: list[tuple[datetime, Look]] = []

    def noting(*given: Any) -> Look | None:
        seen = look(*given)
        if seen is not None:
            looks.append((given[4], seen))
        return seen

    with exchanged(((service_engine, "look", noting),)):
        for _ in effects_of_pod_minutes([row for row in rows if row["case"] in cases]):
            pass
    found = {change.id: Trace() for change in wanted}
    by_place = {(change.environment, change.service): change for change in wanted}
    for at, seen in looks:
        change = by_place.get((seen.suspicion.environment, seen.suspicion.service))
        if change is None or at.timestamp() > change.next_step:
            continue
        minute = (at.timestamp() - change.ready) / 60.0
        trace = found[change.id]
        trace.minutes.append(minute)
        strongest: dict[str, float] = {}
        for evidence in seen.evidence:
            name = evidence.detector if evidence.signal == "presence" else str(evidence.signal)
            lead = evidence.log_e - evidence.threshold_log_e
            strongest[name] = max(lead, strongest.get(name, lead))
        for name, lead in strongest.items():
            trace.log_e.setdefault(name, []).append((minute, lead))
    return found
