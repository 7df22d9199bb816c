"""Every story is decided as it was: a difference here is a change of behaviour."""

from __future__ import annotations

import json

import pytest

from tests.builders import counted
from tests.scenarios.playing import STORIES, expected_of, play, told


@pytest.mark.parametrize("story", STORIES)
def test_a_story_is_decided_as_expected(story: str) -> None:
    expected = [json.loads(line) for line in expected_of(story).read_text(encoding="utf-8").splitlines()]
    assert [json.loads(line) for line in told(play(story).effects)] == expected


@pytest.mark.parametrize(
    ("story", "kinds"),
    [
        ("bad_canary", {"Command": 1, "Recovery": 1, "Held": 0}),
        ("good_canary", {"Command": 1, "Held": 0, "Page": 0}),
        ("silent_canary", {"Command": 1}),
        ("traffic_collapse", {"Command": 0}),
        ("neighbours_damage", {"Command": 1}),
        ("approval", {"Held": 1, "Approval": 1, "Command": 1, "Recovery": 1}),
        ("freeze", {"Held": 1, "Command": 0}),
        ("no_data", {"Command": 0, "Page": 1}),
        ("blind_instrument", {"Command": 1, "Held": 0, "Page": 0}),
    ],
)
def test_a_story_ends_as_its_name_promises(story: str, kinds: dict[str, int]) -> None:
    found = counted(play(story).effects)
    assert {kind: found.get(kind, 0) for kind in kinds} == kinds
