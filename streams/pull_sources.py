"""Sources that are asked for metrics: what the file that SUTURE_PULL names may say of one."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field

from schemas.durations import Duration, PositiveDuration
from schemas.prometheus_query import MOST_STEPS
from schemas.pulled_series import Names, PulledKind

_STRICT = ConfigDict(extra="forbid")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_SITE = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)+")
_MILLISECOND = timedelta(milliseconds=1)


class SourceKind(StrEnum):
    """Whose API a source speaks. PROMETHEUS: also Mimir, Thanos, Cortex and VictoriaMetrics."""

    PROMETHEUS = "prometheus"
    DATADOG = "datadog"


_LABELS = {
    SourceKind.PROMETHEUS: Names(
        service="service",
        environment="environment",
        pod="pod",
        version="version",
        template="pod_template_hash",
    ),
    SourceKind.DATADOG: Names(service="service", environment="env", pod="pod_name", version="version"),
}
"""Which label holds what, where a file says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """Where a secret stands: in no list of sources.

    Attributes:
        variable: Environment variable of the puller that holds it.
        file: File that holds it, without blanks around it; read at each request, so that it may be replaced.
    """

    __pydantic_config__ = _STRICT

    variable: str = ""
    file: str = ""

    def __post_init__(self) -> None:
        if bool(self.variable) == bool(self.file):
            raise ValueError("must name one of variable and file")


@dataclass(frozen=True, slots=True, kw_only=True)
class PullQuery:
    """One query and what its values mean.

    Attributes:
        metric: Name that the samples are given, by which signals select them.
        query: In the source's own language.
        labels: Which label holds which name, where it differs from the source's.
        fixed: Names that hold whatever the labels say.
    """

    __pydantic_config__ = _STRICT

    metric: Annotated[str, Field(min_length=1, max_length=200)]
    query: Annotated[str, Field(min_length=1, max_length=100_000)]
    kind: PulledKind
    labels: Names = field(default_factory=Names)
    fixed: Names = field(default_factory=Names)


@dataclass(frozen=True, slots=True, kw_only=True)
class PullSource:
    """One server that is asked.

    Attributes:
        name: By which it is known on the log; another name begins anew.
        url: Its address: of Prometheus without `/api/v1`, of Datadog in place of a site.
        site: Datadog's, such as `datadoghq.eu`.
        interval: From one asking to the next. Shorter finds damage sooner and costs the server more.
        step: From one sample to the next, not below what its own samples are apart. The steps are aligned.
        delay: How far behind the present it is asked; zero for one step. Shorter loses samples that reach the
            server later; longer finds damage later.
        timeout: How long an answer may take.
        history: How far it is asked back at the first start and after a time without a puller.
        silent_after: Intervals without a new sample after which the instrument is called broken.
        tenant: Sent as `X-Scope-OrgID`; "" for none.
        token: Sent as a bearer token.
        user: For basic authentication, with `password`.
        api_key: Datadog's; the variable DD_API_KEY where it is not named.
        application_key: Datadog's; the variable DD_APP_KEY where it is not named.
        certificates: File with the authorities that its certificate may come from; "" for the well-known.
        labels: Which label holds which name.
        fixed: Names that hold whatever the labels say.
    """

    __pydantic_config__ = _STRICT

    name: str
    kind: SourceKind
    queries: tuple[PullQuery, ...]
    url: str = ""
    site: str = ""
    interval: PositiveDuration = timedelta(seconds=15)
    step: PositiveDuration = timedelta(seconds=15)
    delay: Duration = timedelta(0)
    timeout: PositiveDuration = timedelta(seconds=10)
    history: PositiveDuration = timedelta(hours=1)
    silent_after: Annotated[int, Field(ge=1, le=1000)] = 3
    tenant: str = ""
    token: Credential | None = None
    user: str = ""
    password: Credential | None = None
    api_key: Credential | None = None
    application_key: Credential | None = None
    certificates: str = ""
    labels: Names = field(default_factory=Names)
    fixed: Names = field(default_factory=Names)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"name is {self.name!r}, expected letters, digits, dots, dashes and underscores")
        if self.step < timedelta(seconds=1) or self.step % timedelta(seconds=1):
            raise ValueError("step must be whole seconds")
        if not timedelta(seconds=1) <= self.interval <= timedelta(minutes=5):
            raise ValueError("interval must be from a second to five minutes")
        if not self.step <= self.history <= MOST_STEPS * self.step:
            raise ValueError(
                f"history must be one to {MOST_STEPS} steps, which are all that is answered at once"
            )
        if not self.queries:
            raise ValueError("asks nothing, expected at least one query")
        asked = [(query.metric, query.query) for query in self.queries]
        if len(set(asked)) < len(asked):
            raise ValueError("asks the same query twice for one metric, which counts its samples twice")
        if self.kind is SourceKind.PROMETHEUS:
            self._check_prometheus()
        else:
            self._check_datadog()

    def _check_prometheus(self) -> None:
        _check_url(self.url)
        if self.site or self.api_key or self.application_key:
            raise ValueError("site, api_key and application_key are Datadog's, and this is prometheus")
        if bool(self.user) != bool(self.password):
            raise ValueError("names one of user and password, expected both or none")
        if self.user and self.token:
            raise ValueError("names a user and a token, expected one of them")

    def _check_datadog(self) -> None:
        if bool(self.url) == bool(self.site):
            raise ValueError("must name one of site and url")
        if self.site and not _SITE.fullmatch(self.site):
            raise ValueError("site is no host name, expected one such as datadoghq.eu")
        if self.url:
            _check_url(self.url)
        if self.tenant or self.token or self.user or self.password:
            raise ValueError("tenant, token, user and password are Prometheus', and this is datadog")
        if any(query.kind is PulledKind.COUNTER for query in self.queries):
            raise ValueError(
                "a query is of kind counter, which Datadog keeps none of; expected delta or gauge"
            )

    @property
    def title(self) -> str:
        """Return what people call it."""
        return f"{self.kind} {self.name}"

    @property
    def address(self) -> str:
        """Return where it is asked, without a slash at the end."""
        return self.url.rstrip("/") or f"https://api.{self.site}"

    @property
    def step_ms(self) -> int:
        """Return the step in milliseconds."""
        return self.step // _MILLISECOND

    @property
    def delay_ms(self) -> int:
        """Return how far behind the present it is asked, in milliseconds."""
        return (self.delay or self.step) // _MILLISECOND

    def labels_of(self, query: PullQuery) -> Names:
        """Return which label holds what in a query's answers."""
        return query.labels.over(self.labels).over(_LABELS[self.kind])

    def fixed_of(self, query: PullQuery) -> Names:
        """Return what holds whatever a query's labels say."""
        return query.fixed.over(self.fixed)


@dataclass(frozen=True, slots=True, kw_only=True)
class PullFile:
    """What a file of sources says.

    Attributes:
        version: Of its form.
        sources: Asked each by itself.
    """

    __pydantic_config__ = _STRICT

    version: Annotated[int, Field(ge=1, le=1)]
    sources: tuple[PullSource, ...]

    def __post_init__(self) -> None:
        if not self.sources:
            raise ValueError("lists no source, expected at least one")
        names = [source.name for source in self.sources]
        twice = next((name for name in names if names.count(name) > 1), "")
        if twice:
            raise ValueError(f"source {twice} stands twice, expected a name for each")


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("url is no address, expected http://HOST:PORT or https://HOST")
    if parts.username or parts.password or parts.query:
        raise ValueError("url holds a secret or a question, expected an address alone")
