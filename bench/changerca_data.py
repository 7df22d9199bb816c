"""ChangeRCA's changes, and its quiet pods posing as changes."""

from collections import defaultdict
from dataclasses import dataclass

from streams.pod_minutes import Row

_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Change:
    """One release of a case.

    Attributes:
        environment: The case, or a name of its own when a quiet pod poses as a canary.
        ready: When its canary was ready, unix seconds.
        next_step: When the rollout went on, unix seconds: too late to save anybody.
        pod: The pod that poses, for A/A; "" otherwise.
    """

    id: str
    case: str
    environment: str
    service: str
    ready: int
    next_step: int
    pod: str = ""


def changes_of(rows: list[Row]) -> list[Change]:
    """Return the changes that the lines' deploy events announce."""
    steps: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["kind"] == "deploy":
            steps[row["change"]].append(row)
    changes = []
    for name in sorted(steps):
        first = steps[name][0]
        later = [row["ts"] for row in steps[name] if row["step"] > 0]
        # A rollout that never went on is judged for as long as it is watched.
        next_step = min(later) if later else first["ts"] + 30 * _MINUTE
        case, service = first["case"], first["service"]
        changes.append(Change(name, case, case, service, first["ts"], next_step))
    return changes


def posing(
    rows: list[Row], changes: list[Change], is_replacing: bool = False
) -> tuple[list[Row], list[Change]]:
    """Return the A/A set: each stable pod as the canary of its service in its case's quiet minutes.

    It poses from half of the quiet time on, in an environment of its own beside its true twins. As an added
    pod, what it said before is left out, because a new pod has no past.

    Args:
        rows: All lines.
        changes: All changes; the first of each case ends its quiet minutes.
        is_replacing: The pod takes the place of another one instead, which said what itself said before and
            is deleted when it begins to pose: a harder test, because a silence then costs a speaker.
    """
    ends: dict[str, int] = {}
    for change in changes:
        ends[change.case] = min(ends.get(change.case, change.ready), change.ready)
    quiet: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row["kind"] == "metric" and row["ts"] < ends.get(row["case"], 0):
            quiet[row["case"], row["service"]].append(row)
    posed: list[Row] = []
    changes = []
    for (case, service), known in sorted(quiet.items()):
        first, end = known[0]["ts"], ends[case]
        ready = first + (end - first) // 2 // _MINUTE * _MINUTE
        for pod in sorted({row["pod"] for row in known if row["version"] == "v1"}):
            environment = f"{case}~{pod}"
            changes.append(Change(environment, case, environment, service, ready, end, pod))
            here: Row = {"kind": "deploy", "case": case, "environment": environment, "service": service}
            here |= {"change": environment, "ts": ready, "pod": pod, "what": "ready", "step": 0}
            posed.append(here)
            before = f"{pod}-before"
            if is_replacing:
                posed.append({**here, "pod": before, "what": "deleted"})
            for row in known:
                if row["pod"] != pod:
                    posed.append({**row, "environment": environment})
                elif row["ts"] >= ready:
                    posed.append({**row, "environment": environment, "version": "v2"})
                elif is_replacing:
                    posed.append({**row, "environment": environment, "pod": before})
    return sorted(posed, key=lambda row: row["ts"]), changes
