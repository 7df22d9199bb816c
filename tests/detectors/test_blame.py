"""Who is blamed among concurrent releases."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from detectors.blame import rank
from schemas.judgements import Suspicion
from schemas.keys import EnvironmentName, ReleaseId, ServiceName

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def suspicion(
    name: str,
    own: float = 0.0,
    silence: float = 0.0,
    edge: float = 0.0,
    predates: bool = False,
    callers: tuple[str, ...] = (),
    onset: int | None = None,
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
        callers=callers,
        onset=AT + timedelta(minutes=onset) if onset is not None else None,
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


def test_a_caller_of_a_failing_release_stands_behind_it_however_strong_its_own_evidence() -> None:
    ranking = rank([suspicion("web", own=40.0), suspicion("cart", own=9.0, callers=("web",))])
    assert [suspect.service for suspect in ranking.suspects] == ["cart", "web"]
    assert ranking.is_clear
    assert "may come from cart that it calls" in ranking.suspects[1].why


def test_damage_is_followed_down_several_calls_to_its_source() -> None:
    ranking = rank(
        [
            suspicion("web", own=40.0),
            suspicion("cart", own=20.0, callers=("web",)),
            suspicion("stock", silence=8.0, callers=("cart",)),
            suspicion("mail", own=0.5),
        ]
    )
    assert [suspect.service for suspect in ranking.suspects] == ["stock", "cart", "web", "mail"]
    assert ranking.is_clear


def test_a_callee_whose_damage_came_later_explains_nothing() -> None:
    web = suspicion("web", own=40.0, onset=0)
    ranking = rank([web, suspicion("cart", own=9.0, callers=("web",), onset=10)])
    assert ranking.suspects[0].service == "web"


def test_a_callee_with_little_evidence_explains_nothing() -> None:
    ranking = rank([suspicion("web", own=12.0), suspicion("cart", own=2.0, callers=("web",))])
    assert ranking.suspects[0].service == "web"
    assert ranking.is_clear


def test_services_that_call_each_other_are_told_apart_by_evidence_alone() -> None:
    web = suspicion("web", own=12.0, callers=("cart",))
    ranking = rank([web, suspicion("cart", own=11.0, callers=("web",))])
    assert ranking.suspects[0].service == "web"
    assert not ranking.is_clear
    assert "9.97 needed" in ranking.why or "10 needed" in ranking.why


def test_of_those_without_damage_the_one_that_least_is_known_good_of_comes_first() -> None:
    ranking = rank([suspicion("a", own=-3.0), suspicion("b", own=-0.4), suspicion("c", own=-2.0)])
    assert [suspect.service for suspect in ranking.suspects] == ["b", "c", "a"]
    assert not ranking.is_clear


@given(st.permutations(list(range(5))), st.lists(st.floats(0, 50), min_size=5, max_size=5))
def test_the_order_in_which_suspicions_come_does_not_matter(order: list[int], scores: list[float]) -> None:
    known = [suspicion(str(i), own=scores[i]) for i in range(5)]
    assert rank(known) == rank([known[i] for i in order])
