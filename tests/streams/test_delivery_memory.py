"""What the gateway remembers of webhooks that it took."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from streams.delivery_memory import DeliveryMemory

NOW = datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_delivery_is_known_by_any_of_its_ids_within_the_window() -> None:
    memory = DeliveryMemory(HOUR)
    memory.take(NOW, "one", "two")
    assert memory.knows(NOW + HOUR, "two")
    assert memory.knows(NOW, "three", "one")
    assert not memory.knows(NOW + HOUR + timedelta(seconds=1), "one", "two")
    assert not memory.knows(NOW)


@given(st.lists(st.text(max_size=3), max_size=30), st.integers(1, 5))
def test_exactly_the_newest_deliveries_are_known(ids: list[str], most: int) -> None:
    memory = DeliveryMemory(HOUR, most)
    for one in ids:
        memory.take(NOW, one)
    newest = list(dict.fromkeys(reversed(ids)))
    assert [memory.knows(NOW, one) for one in newest] == [place < most for place in range(len(newest))]
