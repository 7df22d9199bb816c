"""Services that remember: tides of earlier days excuse a release, damage on top of them does not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import numpy as np

from schemas.effects import Effect
from schemas.judgements import Verdict, VerdictKind
from schemas.keys import CommandId
from schemas.observations import Body, Observation, OutcomeReported, VerdictReached
from schemas.orders import CommandKind, Outcome, OutcomeKind
from schemas.policy import Rule
from streams.engine import Engine
from streams.service_engine import ServiceState
from tests.builders import NEW, OLD, Log, a_batch, a_release, a_tick, minute, requests, said

KEY = "dev/cart"
LATENCY = "latency|"
DAY = 1440


def tide(number: int, height: float) -> float:
    """Return the mean latency of a minute: it rises in the half hour after noon, every day."""
    return 0.1 * (1.0 + height * float(np.clip(number % DAY, 0, 30)) / 30.0 * (number % DAY < 720))


class Service:
    """One service's partition, played around noon of several days; day 0 is the release's.

    Args:
        height: How much latency rises after noon, relative to what it was.
    """

    def __init__(self, height: float = 3.0) -> None:
        self.height = height
        self.log = Log()
        self.engine = Engine()
        self.effects: list[Effect] = []
        self.random = np.random.default_rng(5)

    def put(self, key: str, body: Body) -> None:
        self.effects += self.engine.apply(self.log.put(key, body))

    @property
    def state(self) -> ServiceState:
        return self.engine.state.services[KEY]

    @property
    def verdicts(self) -> list[Verdict]:
        return [reached.verdict for reached in said(self.effects, VerdictReached)]

    def noon(
        self, day: int, times: float = 1.0, release: str = "", minutes: int = 34, cold: tuple[float, ...] = ()
    ) -> None:
        """Play the hour before a day's noon and the time after it.

        Args:
            day: Which; 0 is the last.
            times: By what latency is multiplied from noon on.
            release: Version that takes the place of all pods at noon; "" for none.
            minutes: How long to go on after noon.
            cold: By what latency is multiplied in the first minutes of fresh pods.
        """
        for number in range(day * DAY - 70, day * DAY + minutes):
            passed = number - day * DAY
            if passed == 0 and release:
                self.put(KEY, a_release(version=release, at=minute(number)))
            is_new = bool(release) and passed >= 0
            slower = times if passed >= 0 else 1.0
            if is_new and passed < len(cold):
                slower *= cold[passed]
            pods = [f"{release}-{name}" for name in "ab"] if is_new else [f"{day}-{name}" for name in "ab"]
            end = minute(number + 1)
            samples = [
                entry
                for pod in pods
                for entry in requests(
                    pod,
                    end,
                    mean_s=tide(number, self.height) * slower * float(np.exp(self.random.normal(0, 0.02))),
                    template=NEW if is_new else OLD,
                    version=release if is_new else "old",
                )
            ]
            self.put(KEY, a_batch(samples))
            self.put("", a_tick(end + timedelta(seconds=5)))

    def undone(self, version: str, at: float) -> None:
        """Report that a release was rolled back."""
        release = a_release(version=version).release
        outcome = Outcome(
            id=f"undone-{version}",
            command=CommandId("c"),
            kind=OutcomeKind.DONE,
            command_kind=CommandKind.UNDO,
            release=release.id,
            environment=release.environment,
            service=release.service,
            target=Rule().target.target(release.environment, release.service),
            started_at=minute(at),
            at=minute(at),
            detail="in a test",
            template_before=NEW,
            template_after=OLD,
        )
        self.put(KEY, OutcomeReported(outcome=outcome))

    def learnt(self, day: int) -> bool:
        """Return whether anything of the half hour after a day's noon is remembered."""
        first = int(minute(day * DAY).timestamp()) // 600
        track = self.state.past.seasons.tracks.get(LATENCY)
        return track is not None and bool(track.between(first, first + 3)[1].any())


def harmful(verdicts: Iterable[Verdict]) -> bool:
    return any(verdict.kind is VerdictKind.HARMFUL for verdict in verdicts)


def test_a_tide_convicts_a_release_without_a_control_of_which_only_the_hour_before_is_known() -> None:
    service = Service()
    service.noon(0, release="2")
    assert harmful(service.verdicts)


def test_the_tide_of_earlier_days_convicts_nobody_and_evidence_names_the_days() -> None:
    service = Service()
    for day in (-3, -2, -1):
        service.noon(day)
    service.noon(0, release="2")
    assert not harmful(service.verdicts)
    final = service.verdicts[-1]
    assert final.is_final
    assert final.kind is VerdictKind.HEALTHY
    latency = next(item for item in final.evidence if item.signal == "latency")
    assert "same minutes of 3 earlier days" in latency.comparison
    # What people read are the true level and what was expected of it, and these agree.
    assert latency.canary.level is not None
    assert latency.control.level is not None
    assert latency.control.level > 0.2
    assert abs(latency.canary.level / latency.control.level - 1.0) < 0.1


def test_damage_on_top_of_the_tide_is_convicted_within_ten_minutes() -> None:
    service = Service()
    for day in (-3, -2, -1):
        service.noon(day)
    service.noon(0, times=2.5, release="2", minutes=10)
    assert harmful(service.verdicts)


def test_a_release_that_ends_healthy_is_remembered_with_its_provenance() -> None:
    service = Service()
    service.noon(-1)
    service.noon(0, release="2")
    service.noon(1, release="3")
    assert not harmful(service.verdicts[-1:])
    records = service.state.past.history.releases
    assert records[-1].version == "3"
    assert records[-1].release == "dev-cart-3"
    assert records[-1].verified_by == "verdict"
    assert records[-1].intervals >= 29
    assert service.learnt(1)


def test_how_fresh_pods_warm_up_is_learnt_apart_from_the_tide() -> None:
    service = Service(height=0.5)
    for day in (-3, -2, -1):
        service.noon(day)
    service.noon(0, release="2", cold=(2.0, 1.6, 1.3))
    warming = service.state.past.history.releases[-1].warming[LATENCY]
    told = np.exp([value or 0.0 for value in warming])
    np.testing.assert_allclose(told[:3] / told[5:8].mean(), [2.0, 1.6, 1.3], rtol=0.1)


def test_a_harmful_release_teaches_nothing_until_the_service_is_seen_well() -> None:
    service = Service()
    service.noon(-2)
    service.noon(-1, times=3.0, release="2")
    assert harmful(service.verdicts)
    service.noon(0)
    assert service.learnt(-2)
    assert not service.learnt(-1)
    assert not service.learnt(0)
    assert service.state.past.history.releases == []


def test_a_release_that_is_rolled_back_after_it_was_called_healthy_takes_its_time_with_it() -> None:
    service = Service()
    for day in (-3, -2):
        service.noon(day)
    service.noon(-1, release="2", minutes=45)
    assert service.learnt(-1)
    service.undone("2", -DAY + 46)
    assert service.learnt(-2)
    assert not service.learnt(-1)
    assert service.state.past.history.releases == []
    assert service.state.past.seasons.staged == {}


def test_the_time_of_a_release_that_was_superseded_unverified_is_forgotten() -> None:
    service = Service()
    service.noon(-1)
    service.noon(0, release="2", minutes=25)
    assert service.state.past.seasons.staged
    service.put(KEY, a_release(version="3", at=minute(25)))
    assert service.state.past.seasons.staged == {}
    assert service.learnt(-1)
    assert not service.learnt(0)


def test_stopping_and_restoring_between_the_days_changes_nothing() -> None:
    service = Service()
    for day in (-2, -1):
        service.noon(day)
    cut = len(service.log.entries) - 20
    service.noon(0, release="2", minutes=33)
    entries: list[Observation] = service.log.entries
    first = Engine()
    for entry in entries[:cut]:
        first.apply(entry)
    second = Engine.restore(first.snapshot())
    again = [effect for entry in entries[cut:] for effect in second.apply(entry)]
    assert again == service.effects[-len(again) :]
    assert second.snapshot() == service.engine.snapshot()
