"""What damage at services without a release says of the releases around it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from detectors.blame import rank
from detectors.bystanders import Damage
from schemas.judgements import Anomaly, Suspicion
from schemas.keys import EnvironmentName, ReleaseId, ServiceName, SignalName

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def suspicion(name: str, own: float = 0.0, callers: tuple[str, ...] = (), started: int = 0) -> Suspicion:
    return Suspicion(
        release=ReleaseId(name),
        service=ServiceName(name),
        environment=EnvironmentName("prod"),
        at=AT + timedelta(minutes=30),
        started_at=AT + timedelta(minutes=started),
        own_log_e=own,
        callers=callers,
    )


def damage(name: str, since: int, callers: tuple[str, ...] = (), signal: str = "errors") -> Damage:
    """Return damage that began some minutes after noon and was told two minutes later."""
    told_at = AT + timedelta(minutes=since + 2)
    anomaly = Anomaly(
        id=f"{name}-{signal}-{since}",
        environment=EnvironmentName("prod"),
        service=ServiceName(name),
        signal=SignalName(signal),
        level=0.3,
        expected=0.01,
        p_value=1e-5,
        since=AT + timedelta(minutes=since),
        at=told_at,
        callers=callers,
    )
    return Damage(anomaly=anomaly, explains_until=told_at + timedelta(minutes=30))


def test_older_damage_below_a_release_explains_it_and_nobody_is_blamed_alone() -> None:
    ranking = rank([suspicion("web", own=40.0)], [damage("stock", since=-5, callers=("web",))])
    assert not ranking.is_clear
    assert "stock (since 11:55) that it calls and that was bad before it began" in ranking.why
    assert "needed" not in ranking.why


def test_older_damage_is_followed_up_several_calls() -> None:
    damages = [damage("stock", since=-5, callers=("cart",)), damage("cart", since=2, callers=("web",))]
    assert not rank([suspicion("web", own=40.0)], damages).is_clear


def test_damage_below_that_came_after_the_release_explains_nothing() -> None:
    for since in (0, 1, 10):
        assert rank([suspicion("web", own=40.0)], [damage("stock", since=since, callers=("web",))]).is_clear


def test_damage_of_the_interval_in_which_a_release_began_explains_nothing() -> None:
    late = damage("stock", since=0, callers=("web",))
    begun = replace(suspicion("web", own=40.0), started_at=AT + timedelta(seconds=50))
    assert rank([begun], [late]).is_clear


def test_damage_that_was_told_longer_ago_than_a_watch_lasts_explains_nothing() -> None:
    assert rank([suspicion("web", own=40.0)], [damage("stock", since=-32, callers=("web",))]).is_clear


def test_damage_of_a_service_that_a_release_does_not_call_explains_nothing() -> None:
    release = suspicion("web", own=40.0, callers=("stock",))
    assert rank([release], [damage("mail", since=-5)]).is_clear
    both_ways = damage("stock", since=-5, callers=("web",))
    assert rank([release], [both_ways]).is_clear


def test_a_release_whose_damage_is_not_explained_is_blamed_before_one_whose_is() -> None:
    ranking = rank(
        [suspicion("web", own=40.0), suspicion("mail", own=12.0)],
        [damage("stock", since=-5, callers=("web",))],
    )
    assert [suspect.service for suspect in ranking.suspects] == ["mail", "web"]
    assert ranking.is_clear


def test_callers_that_turn_bad_after_a_release_are_named() -> None:
    ranking = rank([suspicion("cart", own=9.0, callers=("checkout",))], [damage("checkout", since=2)])
    assert "its caller checkout turned bad 2 minutes after" in ranking.why
    assert ranking.is_clear


def test_callers_that_turn_bad_convict_nobody() -> None:
    ranking = rank([suspicion("cart", callers=("checkout",))], [damage("checkout", since=2)])
    assert not ranking.is_clear
    assert ranking.suspects[0].score == 0.0
    assert (
        ranking.suspects[0].why == "nothing speaks against it, its caller checkout turned bad 2 minutes after"
    )


def test_of_two_equal_releases_the_one_whose_callers_turned_bad_comes_first_and_blame_stays_open() -> None:
    known = [suspicion("a", own=9.0), suspicion("b", own=9.0, callers=("checkout",))]
    assert [suspect.service for suspect in rank(known).suspects] == ["a", "b"]
    ranking = rank(known, [damage("checkout", since=2)])
    assert [suspect.service for suspect in ranking.suspects] == ["b", "a"]
    assert not ranking.is_clear


def test_callers_that_turn_bad_do_not_outweigh_evidence() -> None:
    known = [suspicion("a", own=9.1), suspicion("b", own=9.0, callers=("checkout",))]
    assert rank(known, [damage("checkout", since=2)]).suspects[0].service == "a"


def test_a_caller_of_two_suspects_corroborates_neither() -> None:
    known = [suspicion(name, own=9.0, callers=("checkout",)) for name in ("a", "b")]
    assert "checkout" not in rank(known, [damage("checkout", since=2)]).why


def test_a_caller_that_was_bad_before_the_release_corroborates_nothing() -> None:
    known = [suspicion("cart", own=9.0, callers=("checkout",))]
    assert "checkout" not in rank(known, [damage("checkout", since=-2)]).why


def test_a_service_with_damage_in_several_signals_is_named_once() -> None:
    damages = [damage("checkout", since, signal=signal) for since, signal in ((3, "errors"), (1, "latency"))]
    why = rank([suspicion("cart", own=9.0, callers=("checkout",))], damages).why
    assert why.count("checkout") == 1
    assert "1 minute after" in why


@given(
    st.permutations(list(range(4))),
    st.lists(st.floats(0, 50), min_size=3, max_size=3),
    st.lists(st.integers(-40, 20), min_size=4, max_size=4),
)
def test_the_order_in_which_damage_is_told_does_not_matter(
    order: list[int], scores: list[float], since: list[int]
) -> None:
    known = [suspicion(name, own=own, callers=("up",)) for name, own in zip("abc", scores, strict=True)]
    callers = [(), ("a",), ("b", "c"), ("a", "b")]
    names = ["up", "down", "below", "under"]
    damages = [damage(names[i], since[i], callers[i]) for i in range(4)]
    assert rank(known, damages) == rank(known, [damages[i] for i in order])


@given(st.floats(0, 50), st.lists(st.integers(-40, 20), max_size=5))
def test_damage_elsewhere_never_makes_blame_of_a_lone_release_clear(own: float, since: list[int]) -> None:
    known = [suspicion("a", own=own)]
    damages = [damage("down", minute, ("a",)) for minute in since]
    assert rank(known).is_clear or not rank(known, damages).is_clear


def in_aftercare(name: str, onset: int) -> Suspicion:
    cared_for = replace(suspicion(name, own=40.0), is_aftercare=True)
    return replace(cared_for, onset=AT + timedelta(minutes=onset))


def test_damage_below_a_release_in_its_aftercare_explains_it_when_it_is_no_newer_than_its_own() -> None:
    for since in (40, 49, 50, 51):
        ranking = rank([in_aftercare("web", onset=50)], [damage("stock", since=since, callers=("web",))])
        assert not ranking.is_clear
        assert "that it calls and that turned bad no later than it did" in ranking.why


def test_damage_below_a_release_in_its_aftercare_that_is_newer_than_its_own_explains_nothing() -> None:
    newer = damage("stock", since=52, callers=("web",))
    assert rank([in_aftercare("web", onset=50)], [newer]).is_clear
