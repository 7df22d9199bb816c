"""Effects as messages: what no reader could keep is refused where it is read."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.effect_messages import cloud_event, read_effect
from schemas.effects import Effect
from schemas.errors import SchemaError
from schemas.keys import EnvironmentName
from schemas.observations import FreezeSet, LogPosition

AT = datetime(2026, 1, 1, tzinfo=UTC)
FREEZE = Effect(
    key="prod",
    cause=LogPosition(topic="environment-observations", partition=3, offset=5),
    index=1,
    said=FreezeSet(environment=EnvironmentName("prod"), until=AT, by="ann", at=AT),
)


def changed(**changes: Any) -> bytes:
    return json.dumps({**json.loads(cloud_event(FREEZE)), **changes}).encode()


def test_an_effect_reads_back_as_it_was() -> None:
    assert read_effect(cloud_event(FREEZE)) == FREEZE


@pytest.mark.parametrize("number", [float("inf"), float("nan"), 10**30, -1, "7", True, None])
@pytest.mark.parametrize("name", ["causepartition", "causeoffset", "causeindex"])
def test_a_cause_that_no_column_can_hold_is_refused(name: str, number: Any) -> None:
    with pytest.raises(SchemaError, match=name):
        read_effect(changed(**{name: number}))


@pytest.mark.parametrize("name", ["subject", "causetopic"])
def test_half_a_character_is_refused(name: str) -> None:
    with pytest.raises(SchemaError, match=f"{name} of an effect is not UTF-8"):
        read_effect(changed(**{name: "\ud800"}))


@pytest.mark.parametrize("instant", ["9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+23:00"])
def test_an_instant_beyond_the_calendar_is_refused(instant: str) -> None:
    data = {**json.loads(cloud_event(FREEZE))["data"], "at": instant}
    with pytest.raises(SchemaError, match="outside the calendar"):
        read_effect(changed(data=data))
