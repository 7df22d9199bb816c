"""A scene to play: a service with stable and canary pods, minute by minute, without any clock."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from detectors.watch import Look, ReleaseWatch, look, open_watch
from detectors.windows import Refusals, ServiceWindow
from schemas.instants import to_ms
from schemas.keys import EnvironmentName, ReleaseId, ServiceName, TemplateHash
from schemas.observations import PodChange, PodChanged
from schemas.policy import Rule
from schemas.releases import Release
from schemas.samples import SampleBatch, Series, Temporality
from schemas.signals import Field

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DURATION = "http.server.request.duration"
PROD, CART = EnvironmentName("prod"), ServiceName("cart")


def batch_of(samples: Iterable[tuple[Series, datetime, float]]) -> SampleBatch:
    """Return samples as one batch."""
    table: dict[Series, int] = {}
    ids, times, values = [], [], []
    for series, at, value in samples:
        ids.append(table.setdefault(series, len(table)))
        times.append(to_ms(at))
        values.append(value)
    return SampleBatch(
        environment=PROD,
        service=CART,
        series=tuple(table),
        series_ids=np.array(ids, dtype=np.int32),
        times_ms=np.array(times, dtype=np.int64),
        values=np.array(values, dtype=np.float64),
    )


@dataclass(slots=True)
class Scene:
    """One service, one window, perhaps one release on watch."""

    rule: Rule = field(default_factory=Rule)
    window: ServiceWindow = field(default_factory=ServiceWindow)
    watch: ReleaseWatch | None = None
    looks: list[Look] = field(default_factory=list)

    def minute(self, number: int) -> datetime:
        """Return the start of a minute, counted from the release; negative before."""
        return START + timedelta(minutes=number)

    def say(self, *samples: tuple[Series, datetime, float], now: datetime) -> Refusals:
        """Let the service send samples."""
        return self.window.add_samples(batch_of(samples), self.rule, now)

    def serve(
        self,
        minute: int,
        pod: str,
        template: str,
        requests: float,
        errors: float = 0.0,
        latency_s: float = 0.1,
        version: str = "",
    ) -> None:
        """Let a pod tell of one minute's requests, as OTLP deltas."""
        end = self.minute(minute + 1)
        mean = latency_s * requests
        self.say(
            (self.series(pod, template, Field.COUNT, version, "200"), end, requests - errors),
            (self.series(pod, template, Field.SUM, version, "200"), end, mean),
            *([(self.series(pod, template, Field.COUNT, version, "500"), end, errors)] if errors else []),
            now=end,
        )

    def series(
        self,
        pod: str,
        template: str = "",
        of: Field = Field.COUNT,
        version: str = "",
        code: str = "200",
        temporality: Temporality = Temporality.DELTA,
    ) -> Series:
        """Return a series of the request duration histogram."""
        return Series(
            metric=DURATION,
            field=of,
            temporality=temporality,
            pod=pod,
            version=version,
            template=TemplateHash(template),
            attributes=(("http.response.status_code", code),),
        )

    def release(self, template: str = "new", version: str = "2") -> Release:
        """Return the release that begins at minute 0."""
        return Release(
            id=ReleaseId("prod-cart-2"),
            environment=PROD,
            service=CART,
            version=version,
            started_at=START,
            template=TemplateHash(template),
        )

    def open(self, template: str = "new", version: str = "2") -> None:
        """Begin to watch it."""
        self.watch = open_watch(self.release(template, version), self.window, self.rule, START)

    def ready(self, minute: int, pod: str, template: str = "new", version: str = "") -> None:
        """Let the cluster call a pod ready."""
        self.window.pod_changed(
            PodChanged(
                environment=PROD,
                service=CART,
                pod=pod,
                version=version,
                template=TemplateHash(template),
                change=PodChange.READY,
                at=self.minute(minute),
            ),
            self.rule,
        )

    def look(self, minute: int) -> Look | None:
        """Look when a minute is over and its samples had time to come in."""
        assert self.watch is not None
        now = self.minute(minute + 1) + self.rule.judge.lateness
        seen = look(self.watch, self.window, self.rule, "settings", now)
        if seen is not None:
            self.looks.append(seen)
        return seen


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def new_scene() -> Callable[[], Scene]:
    return Scene
