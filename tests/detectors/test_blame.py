"""Who is blamed among concurrent releases."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from detectors.blame import rank
from schemas.judgements import Suspicion
from schemas.keys import EnvironmentName, ReleaseId, ServiceName

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def suspicion(
    name: str, own: float = 0.0, silence: float = 0.0, edge: float = 0.0, predates: bool = False
) -> Suspicion:
    return Suspicion(
        release=ReleaseId(name),
        service=ServiceName(name),
        environment=EnvironmentName("prod"),
        at=AT,
        started_at=AT,
        own_log_e=own,
        edge_log_e=(("frontend", edge),) if edge else (),
        silence_log_e=silence,
        predates=predates,
    )


def test_the_release_whose_own_pods_fail_is_blamed() -> None:
    ranking = rank([suspicion("a"), suspicion("b", own=20.0), suspicion("c", silence=6.0)])
    assert [suspect.service for suspect in ranking.suspects] == ["b", "c", "a"]
    assert ranking.is_clear


def test_two_that_fail_alike_are_ambiguous() -> None:
    assert not rank([suspicion("a", own=12.0), suspicion("b", own=11.0)]).is_clear


def test_damage_that_predates_a_release_is_not_its_own() -> None:
    ranking = rank([suspicion("a", own=30.0, predates=True), suspicion("b", own=10.0)])
    assert ranking.suspects[0].service == "b"
    assert ranking.is_clear


def test_damage_that_only_callers_see_is_the_called_releases() -> None:
    ranking = rank([suspicion("a"), suspicion("b", edge=9.0)])
    assert ranking.suspects[0].service == "b"
    assert "frontend complains" in ranking.suspects[0].why


def test_nobody_is_blamed_without_damage() -> None:
    ranking = rank([suspicion("a"), suspicion("b")])
    assert not ranking.is_clear
    assert rank([]).suspects == ()


@given(st.permutations(list(range(5))), st.lists(st.floats(0, 50), min_size=5, max_size=5))
def test_the_order_in_which_suspicions_come_does_not_matter(order: list[int], scores: list[float]) -> None:
    known = [suspicion(str(i), own=scores[i]) for i in range(5)]
    assert rank(known) == rank([known[i] for i in order])
