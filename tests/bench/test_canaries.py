"""What the canaries' benchmark counts, without a cluster."""

from __future__ import annotations

from typing import Any

import pytest

from bench.argo_canaries import figures
from bench.canary_kinds import BAD, GOOD, CanaryKind, drawn
from bench.canary_trial import Fate, Tried, fate_of

OPEN: dict[str, Any] = {
    "abort": False,
    "message": "",
    "stableRS": "old",
    "phase": "Progressing",
    "pauseConditions": [],
}


def tried(kind: CanaryKind, fate: Fate, seconds: float | None) -> Tried:
    return Tried(
        service="shop",
        kind=kind,
        fate=fate,
        seconds=seconds,
        verdict="healthy",
        reason="",
        message="",
        requests=10,
        bad_requests=0,
    )


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        ({}, None),
        ({"stableRS": "new"}, None),
        ({"stableRS": "new", "phase": "Healthy"}, Fate.PROMOTED),
        ({"phase": "Healthy"}, None),
        ({"abort": True, "message": 'Metric "verdict" assessed Failed due to failed (1)'}, Fate.ABORTED),
        ({"abort": True, "message": 'ReplicaSet "shop-1" has timed out progressing.'}, Fate.DEADLINE),
        ({"abort": True, "message": "Analysis spec invalid"}, Fate.OTHERWISE),
        ({"pauseConditions": [{"reason": "InconclusiveAnalysisRun"}]}, Fate.PAUSED),
        ({"pauseConditions": [{"reason": "CanaryPauseStep"}]}, None),
    ],
)
def test_a_fate_is_read_from_the_status_of_the_rollout(status: dict[str, Any], fate: Fate | None) -> None:
    assert fate_of({**OPEN, **status}, "new") is fate


def test_what_argo_aborted_by_itself_is_not_counted_for_the_verdict() -> None:
    counted = figures(
        [
            tried(GOOD[0], Fate.PROMOTED, 50.0),
            tried(GOOD[0], Fate.ABORTED, 9.0),
            tried(BAD[0], Fate.ABORTED, 20.0),
            tried(BAD[1], Fate.DEADLINE, 90.0),
            tried(BAD[2], Fate.PROMOTED, 50.0),
            tried(BAD[3], Fate.TIMEOUT, None),
        ]
    )
    assert counted["false_aborts"] == 1
    assert (counted["bad_aborted_by_verdict"], counted["bad_aborted_by_argo"]) == (1, 1)
    assert (counted["bad_promoted"], counted["undecided"]) == (1, 1)
    assert counted["seconds_to_abort_by_verdict"] == {"median": 20.0, "least": 20.0, "most": 20.0}
    assert counted["seconds_to_promotion"] == {"median": 50.0, "least": 50.0, "most": 50.0}


def test_as_many_bad_canaries_are_drawn_as_are_asked_for_and_no_more_than_there_are() -> None:
    assert sum(kind.is_bad for kind in drawn(20, 10, 3)) == 10
    assert drawn(20, 10, 3) != drawn(20, 10, 4)
    with pytest.raises(ValueError, match="3 bad canaries of 2"):
        drawn(2, 3, 1)
