"""What Alertmanager's webhook tells, version 4: alerts of services as failures that begin and end.

Source: prometheus.io/docs/alerting/latest/configuration, webhook_config; alertmanager, template.go.
"""

from dataclasses import dataclass
from datetime import datetime

from schemas.errors import SchemaError
from schemas.failures import UNPLACED, Failure, FailurePattern, failure_id
from schemas.foreign_json import Json, read_object, require_object
from schemas.keys import ServiceName
from schemas.observations import FailureCleared, FailureSeen
from schemas.otlp_resources import Identity
from schemas.otlp_values import Refusals, Refused
from schemas.prometheus_labels import DEFAULT_LABELS, LabelNames
from schemas.redaction import redact

_LONGEST_NAME = 120  # characters of an alert's name in a sentence
_LONGEST_SUMMARY = 200
_LONGEST_FINGERPRINT = 64
_MOST_ALERTS = 1000
_EARLIEST_YEAR = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsRead:
    """What a delivery tells.

    Attributes:
        said: Failures that last or are over, one an alert, in their order.
        ignored: Alerts that tell of no service, by reason.
        truncated: Alerts that Alertmanager left out.
    """

    said: tuple[FailureSeen | FailureCleared, ...]
    ignored: tuple[Refused, ...]
    truncated: int


def read_alerts(body: bytes, now: datetime, labels: LabelNames = DEFAULT_LABELS) -> AlertsRead:
    """Return what a delivery tells of services.

    An alert is known by its fingerprint and by when it began: told of again, it is the same failure. Its
    target is `UNPLACED`: what runs the service, the policy says.

    Args:
        body: Of the request.
        now: When it came.
        labels: Which labels say whose an alert is.

    Raises:
        SchemaError: it is no delivery of version 4; says what was expected, and repeats nothing of it.
    """
    told = read_object(body, "alertmanager's delivery")
    if told.get("version") != "4":
        raise SchemaError("version is not known, expected alertmanager's webhook version 4")
    alerts = told.get("alerts")
    if not isinstance(alerts, list) or len(alerts) > _MOST_ALERTS:
        raise SchemaError(f"alerts is missing or too long, expected a list of at most {_MOST_ALERTS}")
    truncated = told.get("truncatedAlerts", 0)
    ignored = Refusals()
    said: list[FailureSeen | FailureCleared] = []
    for entry in alerts:
        alert = _alert(require_object(entry, "alert"))
        who = labels.identity(alert.labels)
        if isinstance(who, str):
            ignored.add(who)
            continue
        said.append(_said(alert, who[0], now))
    return AlertsRead(
        said=tuple(said),
        ignored=ignored.sorted(),
        truncated=truncated if isinstance(truncated, int) and truncated > 0 else 0,
    )


@dataclass(frozen=True, slots=True)
class _Alert:
    is_firing: bool
    labels: dict[str, str]
    summary: str
    began_at: datetime
    ended_at: datetime | None
    fingerprint: str


def _alert(entry: dict[str, Json]) -> _Alert:
    status = entry.get("status")
    if status not in ("firing", "resolved"):
        raise SchemaError("alert's status is unknown, expected firing or resolved")
    fingerprint = entry.get("fingerprint")
    if not isinstance(fingerprint, str) or not 0 < len(fingerprint) <= _LONGEST_FINGERPRINT:
        raise SchemaError("alert's fingerprint is missing or too long, expected alertmanager's own")
    began_at = _instant(entry.get("startsAt"), "startsAt")
    if began_at is None:
        raise SchemaError("alert's startsAt is no time at which anything began")
    annotations = _texts(entry.get("annotations") or {}, "annotations")
    return _Alert(
        is_firing=status == "firing",
        labels=_texts(entry.get("labels"), "labels"),
        summary=annotations.get("summary", ""),
        began_at=began_at,
        ended_at=_instant(entry.get("endsAt", ""), "endsAt"),
        fingerprint=fingerprint,
    )


def _said(alert: _Alert, who: Identity, now: datetime) -> FailureSeen | FailureCleared:
    service = ServiceName(who.service)
    identity = failure_id(
        who.environment,
        service,
        FailurePattern.ALERT,
        UNPLACED,
        who.template,
        alert.began_at,
        alert.fingerprint,
    )
    # Other machines' clocks may be ahead: what has not begun cannot be over.
    since = min(alert.began_at, now)
    if alert.is_firing:
        return FailureSeen(
            failure=Failure(
                id=identity,
                pattern=FailurePattern.ALERT,
                environment=who.environment,
                service=service,
                target=UNPLACED,
                since=since,
                at=now,
                template=who.template,
                version=who.version,
                detail=_detail(alert),
            )
        )
    over_at = min(max(alert.ended_at or now, since), now)
    return FailureCleared(failure=identity, environment=who.environment, service=service, at=over_at)


def _detail(alert: _Alert) -> str:
    """Return the alert's name, which a rule's author chose, and its summary without what identifies."""
    name = "".join(letter for letter in alert.labels.get("alertname", "") if letter.isprintable()).strip()
    name = name[:_LONGEST_NAME] or "an alert without a name"
    summary = redact(alert.summary, _LONGEST_SUMMARY)
    return f"{name}: {summary}" if summary else name


def _texts(value: Json, what: str) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, text in require_object(value, f"alert's {what}").items():
        if not isinstance(text, str):
            raise SchemaError(f"alert's {what} hold something else than texts")
        texts[name] = text
    return texts


def _instant(value: Json, what: str) -> datetime | None:
    """Return the instant; None for Go's zero time, which means that there is none."""
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) and value else None
    except ValueError as error:
        raise SchemaError(f"alert's {what} is no RFC 3339 time") from error
    if instant is None or instant.year < _EARLIEST_YEAR:
        return None
    if instant.tzinfo is None:
        raise SchemaError(f"alert's {what} names no time zone")
    return instant
