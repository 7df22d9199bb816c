"""ChangeRCA's figures: what was rolled back against the labels."""

import csv
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

from bench.changerca_cv import Validated
from bench.changerca_data import Change
from streams.pod_minutes import Row


def aa_figures(outcome: dict[str, int | None], mute: set[str]) -> dict[str, Any]:
    """Return how many quiet pods were rolled back.

    Args:
        outcome: When each posing pod was rolled back.
        mute: Those that said nothing at all while they posed.
    """
    rolled_back = {name for name, at in outcome.items() if at is not None}
    return {
        "share": len(rolled_back) / len(outcome) if outcome else None,
        "counts": {
            "pods": len(outcome),
            "rolled_back": len(rolled_back),
            "mute": len(mute),
            "mute_rolled_back": len(rolled_back & mute),
        },
    }


def mute_pods(rows: list[Row], changes: list[Change]) -> set[str]:
    """Return the posing pods that said nothing while they posed."""
    heard = {
        (row["environment"], row["pod"]) for row in rows if row["kind"] == "metric" and row["version"] == "v2"
    }
    return {change.id for change in changes if (change.environment, change.pod) not in heard}


def bad_changes(labels: Path) -> set[str] | None:
    """Return the ids of the defective changes; None where there are no labels."""
    if not labels.exists():
        return None
    with labels.open() as lines:
        return {row["change_id"] for row in csv.DictReader(lines) if row["bad"] == "1"}


def figures(
    changes: list[Change],
    outcome: dict[str, int | None],
    rankings: dict[str, list[str]],
    bad: set[str] | None,
    validated: Validated | None = None,
) -> dict[str, Any]:
    """Return the scored figures; null where they need labels that are not there.

    Args:
        changes: All changes.
        outcome: When each was rolled back, unix seconds.
        rankings: By case, most to blame first.
        bad: Ids of the defective ones, when they are known.
        validated: What the cross-validation says.
    """
    rolled_back = sorted(name for name, at in outcome.items() if at is not None)
    counts: dict[str, Any] = {
        "changes": len(changes),
        "cases": len({change.case for change in changes}),
        "rolled_back": len(rolled_back),
    }
    scores: dict[str, Any] = dict.fromkeys(
        (
            "f1",
            "f1_cv",
            "precision",
            "recall",
            "false_share",
            "false_share_cv",
            "false_rollbacks",
            "hr1",
            "hr3",
            "median_min",
            "median_min_cv",
        )
    )
    if bad is not None:
        hits = [name for name in rolled_back if name in bad]
        false = len(rolled_back) - len(hits)
        good = len(outcome) - len(bad)
        by_id = {change.id: change for change in changes}
        precision = len(hits) / len(rolled_back) if rolled_back else 0.0
        recall = len(hits) / len(bad) if bad else 0.0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        delays = [((outcome[name] or 0) - by_id[name].ready) / 60 for name in hits]
        places: dict[str, int] = {}
        members: dict[str, list[str]] = defaultdict(list)
        for change in changes:
            members[change.case].append(change.id)
        for case, names in members.items():
            if bad.intersection(names):
                ranking = rankings.get(case, [])
                places[case] = min((i for i, name in enumerate(ranking) if name in bad), default=len(names))
        counts |= {"bad": len(bad), "good": good, "found": len(hits)}
        scores = {
            "f1": f1,
            "f1_cv": validated.f1 if validated else None,
            "precision": precision,
            "recall": recall,
            "false_share": false / good if good else 0.0,
            "false_share_cv": validated.false_share if validated else None,
            "false_rollbacks": false,
            "hr1": sum(place < 1 for place in places.values()) / len(places) if places else None,
            "hr3": sum(place < 3 for place in places.values()) / len(places) if places else None,
            "median_min": median(delays) if delays else None,
            "median_min_cv": validated.median_min if validated else None,
        }
        if validated is not None:
            counts["cv_settings"] = validated.settings
    return {**scores, "counts": counts}
