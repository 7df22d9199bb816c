"""Watches that others poll, such as Spinnaker's webhook stage: a name for a question about a release. Pure.

The name holds the whole question, so nothing is kept: every gateway knows every watch, also after a restart.

Source: spinnaker/orca, `WebhookStage.StageData`: which statuses end a stage is said by the stage itself, and
one that it does not list is polled for again.
"""

import base64
import binascii
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from schemas.codec import from_json
from schemas.durations import PositiveDuration
from schemas.errors import SchemaError
from schemas.keys import EnvironmentName, ServiceName
from schemas.names import environment_name, service_name
from streams.build_reports import version_name
from streams.release_verdicts import ReleaseVerdict, Standing

_FIRST = "w1."
_LONGEST_HASH = 200
LONGEST_TIMEOUT = timedelta(days=7)
"""Kafka drops deploy events and verdicts after as long."""


class WatchStatus(StrEnum):
    """Where a watch stands. All but `watching` are ends."""

    WATCHING = "watching"
    HEALTHY = "healthy"
    SICK = "sick"
    INCONCLUSIVE = "inconclusive"
    NODATA = "nodata"
    BROKEN = "broken"
    TIMED_OUT = "timed_out"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRequest:
    """What to watch.

    Attributes:
        template: Hash of the pod template that is asked about; "" for any.
        release: Id of the deploy that is asked about; "" for the newest of the version.
        timeout: Without an end by then the watch has timed out, such as 90s, 30m or 1h30m.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    service: str
    version: str
    environment: str
    template: Annotated[str, Field(max_length=_LONGEST_HASH)] = ""
    release: Annotated[str, Field(max_length=1000)] = ""
    timeout: Annotated[PositiveDuration, Field(le=LONGEST_TIMEOUT)] = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A question about a release, and until when it is asked."""

    environment: EnvironmentName
    service: ServiceName
    version: str
    template: str
    release: str
    until: datetime

    @property
    def about(self) -> str:
        """Return what it is about, whoever asks and however long."""
        return json.dumps([self.environment, self.service, self.version, self.template])


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchTold:
    """Where a watch stands.

    Attributes:
        progress: The same as a sentence.
        is_over: There is nothing more to wait for.
        release: Id of the release; "" while no deploy of the version is known.
        confidence: For sick, in [0, 1); else 0.
    """

    id: str
    status: WatchStatus
    progress: str
    is_over: bool
    environment: str
    service: str
    version: str
    release: str
    confidence: float


def watch_for(asked: WatchRequest, now: datetime) -> Watch:
    """Return the watch that was asked for.

    Raises:
        SchemaError: a name or the version cannot be one.
    """
    until = (now + asked.timeout).astimezone(UTC)
    return Watch(
        environment=environment_name(asked.environment),
        service=service_name(asked.service),
        version=version_name(asked.version),
        template=asked.template.strip(),
        release=asked.release.strip(),
        # To the second: what a name says is read back exactly.
        until=until.replace(microsecond=0) + timedelta(seconds=1 if until.microsecond else 0),
    )


def read_watch_request(body: bytes) -> WatchRequest:
    """Return what was asked for.

    Raises:
        SchemaError: it is no such question.
    """
    return from_json(WatchRequest, body)


def watch_id(watch: Watch) -> str:
    """Return a watch's name, safe in URLs.

    >>> asked = WatchRequest(service="cart", version="1.4.2", environment="prod")
    >>> watch = watch_for(asked, datetime(2026, 1, 1, tzinfo=UTC))
    >>> read_watch_id(watch_id(watch)) == watch
    True
    """
    told = [
        watch.environment,
        watch.service,
        watch.version,
        watch.template,
        watch.release,
        int(watch.until.timestamp()),
    ]
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    return _FIRST + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_watch_id(name: str) -> Watch:
    """Return the watch of a name.

    Raises:
        SchemaError: it is the name of none.
    """
    found = _parts(name)
    match found:
        case [str(environment), str(service), str(version), str(template), str(release), int(until)]:
            try:
                return Watch(
                    environment=environment_name(environment),
                    service=service_name(service),
                    version=version_name(version),
                    template=template,
                    release=release,
                    until=datetime.fromtimestamp(until, UTC),
                )
            except (OverflowError, ValueError, OSError) as error:
                raise SchemaError("watch is not known, expected an id that this gateway gave") from error
        case _:
            raise SchemaError("watch is not known, expected an id that this gateway gave")


def pinned(watch: Watch, answer: ReleaseVerdict) -> Watch:
    """Return the watch of the release that is known by now, whatever is deployed later."""
    return watch if watch.release or not answer.release else replace(watch, release=answer.release)


def told(watch: Watch, answer: ReleaseVerdict, now: datetime, *, is_canceled: bool = False) -> WatchTold:
    """Return where a watch stands.

    Args:
        watch: The watch.
        answer: What is held of its release.
        now: The time.
        is_canceled: Nobody waits for it any more.
    """
    status = _status(answer)
    if is_canceled:
        status = WatchStatus.CANCELED
    elif status is WatchStatus.WATCHING and now >= watch.until:
        status = WatchStatus.TIMED_OUT
    asked = "".join(f"; a human is asked ({hold.guard.value}): {hold.reason}" for hold in answer.holds)
    return WatchTold(
        id=watch_id(watch),
        status=status,
        progress=f"{answer.verdict.value}: {'; '.join(answer.reasons)}{asked}",
        is_over=status is not WatchStatus.WATCHING,
        environment=watch.environment,
        service=watch.service,
        version=watch.version,
        release=answer.release or watch.release,
        confidence=answer.confidence,
    )


def _status(answer: ReleaseVerdict) -> WatchStatus:
    if answer.verdict is Standing.HARMFUL:
        return WatchStatus.SICK
    if answer.verdict is Standing.UNKNOWN or not answer.is_final:
        return WatchStatus.WATCHING
    return WatchStatus(answer.verdict.value)


def _parts(name: str) -> Any:
    if not name.startswith(_FIRST) or not name.isascii():
        return None
    packed = name.removeprefix(_FIRST)
    try:
        text = base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True)
        return json.loads(text)
    except (binascii.Error, ValueError, RecursionError):
        return None
