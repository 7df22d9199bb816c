"""What is held of each release right now: the newest verdicts, kept for whoever asks over HTTP.

A redeploy of a version is another release: until it is judged, the verdict of the earlier one says
nothing about it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from schemas.judgements import Verdict
from schemas.keys import NO_TEMPLATE, EnvironmentName, ReleaseId, ServiceName, TemplateHash
from schemas.observations import ReleaseStarted

MOST_RELEASES = 10_000
"""Releases that are remembered; those that were heard of first are forgotten first."""

_NOTHING_YET = ("the watch has begun, nothing is held of it yet",)
VersionKey = tuple[EnvironmentName, ServiceName, str]
"""Environment, service and version."""


class Standing(StrEnum):
    """A verdict's kinds, and `unknown` where no release is known that it could be about."""

    HEALTHY = "healthy"
    HARMFUL = "harmful"
    INCONCLUSIVE = "inconclusive"
    NODATA = "nodata"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseVerdict:
    """The answer about one version of one service in one environment.

    Attributes:
        verdict: What is held of it. Before the first verdict of a known release: inconclusive.
        is_final: The watch is over.
        reasons: Sentences, strongest first.
        release: Id of the release; "" when none is known.
        template: Hash of its pod template; "" when the deploy event did not say.
        ordinal: 1 for its first verdict, 0 before.
        confidence: For harmful, in [0, 1); else 0.
        at: Instant of the verdict, in the log's time.
        first_bad_at: Start of the first interval that counts against it, for harmful.
    """

    verdict: Standing
    is_final: bool
    reasons: tuple[str, ...]
    environment: str
    service: str
    version: str
    release: str = ""
    template: str = ""
    ordinal: int = 0
    confidence: float = 0.0
    at: datetime | None = None
    first_bad_at: datetime | None = None

    @property
    def is_settled(self) -> bool:
        """Return whether nothing is gained by waiting: it is harmful, or its watch is over."""
        return self.is_final or self.verdict is Standing.HARMFUL


@dataclass(slots=True, kw_only=True)
class _Known:
    release: ReleaseId
    started_at: datetime
    template: TemplateHash
    verdict: Verdict | None = None


class ReleaseVerdicts:
    """The newest release of each version, with its newest verdict.

    Args:
        most: How many versions are remembered.
    """

    def __init__(self, most: int = MOST_RELEASES) -> None:
        self._most = most
        self._known: dict[VersionKey, _Known] = {}
        self._is_current = False
        self._listener: Callable[[VersionKey | None], None] | None = None

    @property
    def is_current(self) -> bool:
        """Return whether everything that stands in the log was learned; what is behind answers `unknown`."""
        return self._is_current

    @is_current.setter
    def is_current(self, is_current: bool) -> None:
        is_news = is_current != self._is_current
        self._is_current = is_current
        if is_news and self._listener is not None:
            self._listener(None)

    def tell(self, listener: Callable[[VersionKey | None], None]) -> None:
        """Call the listener with the version whose answer may have changed, with None when all may have."""
        self._listener = listener

    def learn(self, fact: ReleaseStarted | Verdict) -> None:
        """Take in a deploy or a verdict; a repeat changes nothing."""
        if isinstance(fact, Verdict):
            self._judged(fact)
            key = (fact.environment, fact.service, fact.version)
        else:
            self._started(fact)
            key = (fact.release.environment, fact.release.service, fact.release.version)
        if self._listener is not None:
            self._listener(key)

    def answer(
        self, environment: EnvironmentName, service: ServiceName, version: str, template: str = ""
    ) -> ReleaseVerdict:
        """Return what is held of a version.

        Args:
            environment: Where.
            service: Of what.
            version: Which.
            template: Hash of the pod template that is asked about; "" for any.
        """
        known = self._known.get((environment, service, version))
        because = ""
        if not self.is_current:
            because = "verdicts cannot be read at the moment"
        elif known is None:
            because = "no deploy of this version to this environment is known"
        elif template and known.template and template != known.template:
            because = f"the newest deploy of this version that is known is of template {known.template}"
        if because or known is None:
            return ReleaseVerdict(
                verdict=Standing.UNKNOWN,
                is_final=False,
                reasons=(because,),
                environment=environment,
                service=service,
                version=version,
            )
        verdict = known.verdict
        return ReleaseVerdict(
            verdict=Standing.INCONCLUSIVE if verdict is None else Standing(verdict.kind.value),
            is_final=verdict is not None and verdict.is_final,
            reasons=_NOTHING_YET if verdict is None else verdict.reasons,
            environment=environment,
            service=service,
            version=version,
            release=known.release,
            template=known.template,
            ordinal=0 if verdict is None else verdict.ordinal,
            confidence=0.0 if verdict is None else verdict.confidence,
            at=None if verdict is None else verdict.at,
            first_bad_at=None if verdict is None else verdict.first_bad_at,
        )

    def _started(self, fact: ReleaseStarted) -> None:
        release = fact.release
        key = (release.environment, release.service, release.version)
        known = self._known.get(key)
        if known is not None and known.release != release.id and known.started_at > release.started_at:
            return
        verdict = known.verdict if known is not None and known.release == release.id else None
        self._keep(
            key,
            _Known(
                release=release.id,
                started_at=release.started_at,
                template=release.template,
                verdict=verdict,
            ),
        )

    def _judged(self, said: Verdict) -> None:
        # The evidence is most of a verdict, and not asked for.
        verdict = replace(said, evidence=())
        key = (verdict.environment, verdict.service, verdict.version)
        known = self._known.get(key)
        if known is not None and known.release == verdict.release:
            if known.verdict is None or known.verdict.ordinal <= verdict.ordinal:
                known.verdict = verdict
            return
        if known is None:
            # Its deploy is not kept any more, or comes later. Of another release than the known one a
            # verdict is not taken: a deploy is read before what is held of it.
            self._keep(
                key,
                _Known(
                    release=verdict.release,
                    started_at=verdict.at,
                    template=NO_TEMPLATE,
                    verdict=verdict,
                ),
            )

    def _keep(self, key: VersionKey, known: _Known) -> None:
        self._known.pop(key, None)
        self._known[key] = known
        while len(self._known) > self._most:
            del self._known[next(iter(self._known))]
