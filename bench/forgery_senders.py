"""Everybody who may tell the gateway something from outside, and what they would send: the originals."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from schemas.approvals import hold_code

NOW = datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC)

SECRETS = {
    "pagerduty": b"a-secret-of-pagerduty's",
    "slack": b"8f742231b10e8888abcd99yyyzzz85a5",
    "github": b"a secret of GitHub's that nobody guesses",
    "gitlab": base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    "gitlab-token": b"a-token-of-gitlab's-that-nobody-guesses",
    "argocd": b"a-token-of-argo-cd's-that-nobody-guesses",
    "alertmanager": b"a-token-of-alertmanager's-that-nobody-guesses",
    "flagger": b"a-token-of-flagger's-that-nobody-guesses",
    "approvals": b"a-token-of-ann's-that-nobody-guesses",
}
"""What only the sender and the gateway know."""

Headers = tuple[tuple[bytes, bytes], ...]
Sign = Callable[[bytes, bytes, datetime, int], Headers]
"""Body, secret, time and number to the headers that prove the sender."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One request.

    Attributes:
        at: When it arrives.
    """

    path: str
    body: bytes
    headers: Headers
    at: datetime = NOW

    def header(self, name: bytes) -> bytes:
        """Return a header's value; empty where it is not there."""
        return next((value for key, value in self.headers if key == name), b"")

    def with_header(self, name: bytes, value: bytes | None) -> "Delivery":
        """Return the same with another value of a header; None takes it away."""
        kept = tuple(pair for pair in self.headers if pair[0] != name)
        return replace(self, headers=kept if value is None else (*kept, (name, value)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """A vendor.

    Attributes:
        write: Number to the body of that original.
        sign: Makes the headers that prove it.
        proof: The header that holds the signature or the token; empty where the body does.
        time: The header that holds the signed time; empty for none.
        signs: The proof is of the body, and no mere token.
        told: Headers that are not proven, but read.
        counts_once: What comes again is nothing new. Alertmanager repeats what lasts, and Flagger asks again.
    """

    name: str
    path: str
    write: Callable[[int], bytes]
    sign: Sign
    proof: bytes = b""
    time: bytes = b""
    signs: bool = False
    kind: bytes = b"application/json"
    told: tuple[bytes, ...] = (b"content-type",)
    counts_once: bool = True

    @property
    def secret(self) -> bytes:
        """Return what proves this sender."""
        return SECRETS[self.name]

    def original(self, number: int, at: datetime = NOW) -> Delivery:
        """Return what the vendor itself would send; each number is another thing that happened."""
        return self.signed(self.write(number), number, at)

    def signed(self, body: bytes, number: int, at: datetime = NOW, secret: bytes | None = None) -> Delivery:
        """Return a delivery that is proven with a secret; the vendor's own unless another is given."""
        proven = self.sign(body, self.secret if secret is None else secret, at, number)
        return Delivery(path=self.path, body=body, headers=(*proven, (b"content-type", self.kind)), at=at)


def _json(message: Any) -> bytes:
    return json.dumps(message).encode()


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _pagerduty(number: int) -> bytes:
    fields = [{"name": "rollback_decision", "value": "approve", "data_type": "string"}]
    event = {
        "id": f"01E{number:023d}",
        "event_type": "incident.custom_field_values.updated",
        "resource_type": "incident",
        "occurred_at": _instant(NOW),
        "agent": {"id": "PXPGF42", "type": "user_reference"},
        "client": None,
        "data": {
            "incident": {"id": f"Q{number}", "type": "incident_reference"},
            "custom_fields": fields,
            "changed_custom_fields": [fields[0] | {"value": "pending"}],
            "type": "incident_field_values",
        },
    }
    return _json({"event": event})


def _slack(number: int) -> bytes:
    hold, stamp = f"hold{number}", f"{int(NOW.timestamp())}.{number:06d}"
    payload = {
        "type": "block_actions",
        "user": {"id": "U061F7AUR", "username": "ada", "team_id": "T111"},
        "team": {"id": "T111"},
        "container": {"type": "message", "message_ts": "1795183200.000100", "channel_id": "C0123"},
        "actions": [
            {
                "type": "button",
                "action_id": "approve",
                "block_id": f"hold:{hold}",
                "value": f"{hold}:prod:{hold_code(hold)}",
                "action_ts": stamp,
            }
        ],
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


def _github(number: int) -> bytes:
    return _json(
        {
            "action": "created",
            "deployment_status": {
                "state": "in_progress",
                "environment": "production",
                "created_at": _instant(NOW),
            },
            "deployment": {"id": number, "task": "deploy", "sha": "f95f852b", "ref": f"1.4.{number}"},
            "repository": {"full_name": "shop/cart", "html_url": "https://github.com/shop/cart"},
        }
    )


def _gitlab(number: int) -> bytes:
    return _json(
        {
            "object_kind": "deployment",
            "status": "success",
            "status_changed_at": "2026-11-20 16:00:00 +0200",
            "deployment_id": number,
            "environment": "production",
            "project": {"path_with_namespace": "shop/cart", "web_url": "https://gitlab.example/shop/cart"},
            "short_sha": f"{number:08x}",
        }
    )


def _argo_cd(number: int) -> bytes:
    return _json(
        {
            "application": "cart",
            "namespace": "argocd",
            "uid": f"0d6e9a6c-{number}",
            "destinationNamespace": "production",
            "images": [f"shop/cart:1.4.{number}"],
            "phase": "Succeeded",
            "health": "Healthy",
            "startedAt": _instant(NOW),
        }
    )


def _approval(number: int) -> bytes:
    return _json({"hold": f"hold{number}", "environment": "prod", "answer": "approve"})


def _alertmanager(number: int) -> bytes:
    labels = {"alertname": "Slow", "service": f"cart{number}", "namespace": "prod", "severity": "critical"}
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": {},
        "startsAt": _instant(NOW - timedelta(minutes=1)),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": f"{number:016x}",
    }
    return _json(
        {
            "version": "4",
            "groupKey": "{}",
            "truncatedAlerts": 0,
            "status": "firing",
            "receiver": "suture",
            "groupLabels": {},
            "commonLabels": labels,
            "commonAnnotations": {},
            "externalURL": "http://alertmanager.example",
            "alerts": [alert],
        }
    )


def _flagger(number: int) -> bytes:
    about = {"environment": "prod", "version": "1", "token": SECRETS["flagger"].decode(), "n": str(number)}
    return _json({"name": "cart", "namespace": "shop", "phase": "Progressing", "metadata": about})


def _by_pagerduty(body: bytes, secret: bytes, _at: datetime, number: int) -> Headers:
    mac = hmac.digest(secret, body, "sha256").hex()
    return (
        (b"x-pagerduty-signature", f"v1={mac}".encode()),
        (b"x-webhook-id", f"w-{number}".encode()),
    )


def _by_slack(body: bytes, secret: bytes, at: datetime, _number: int) -> Headers:
    stamp = str(int(at.timestamp())).encode()
    mac = hmac.digest(secret, b":".join((b"v0", stamp, body)), "sha256").hex()
    return ((b"x-slack-request-timestamp", stamp), (b"x-slack-signature", f"v0={mac}".encode()))


def _by_github(body: bytes, secret: bytes, _at: datetime, number: int) -> Headers:
    return (
        (b"x-github-event", b"deployment_status"),
        (b"x-github-delivery", f"d-{number}".encode()),
        (b"x-hub-signature-256", b"sha256=" + hmac.digest(secret, body, "sha256").hex().encode()),
    )


def _by_gitlab(body: bytes, secret: bytes, at: datetime, number: int) -> Headers:
    message, stamp = f"m-{number}".encode(), str(int(at.timestamp())).encode()
    mac = base64.b64encode(hmac.digest(secret, b".".join((message, stamp, body)), "sha256"))
    return (
        (b"webhook-id", message),
        (b"webhook-timestamp", stamp),
        (b"webhook-signature", b"v1," + mac),
    )


def _by_gitlab_token(_body: bytes, secret: bytes, _at: datetime, number: int) -> Headers:
    return ((b"x-gitlab-token", secret), (b"idempotency-key", f"k-{number}".encode()))


def _by_bearer(_body: bytes, secret: bytes, _at: datetime, _number: int) -> Headers:
    return ((b"authorization", b"Bearer " + secret),)


def _by_nothing(_body: bytes, _secret: bytes, _at: datetime, _number: int) -> Headers:
    return ()


SENDERS = (
    Sender(
        name="pagerduty",
        path="/v1/webhooks/pagerduty",
        write=_pagerduty,
        sign=_by_pagerduty,
        proof=b"x-pagerduty-signature",
        signs=True,
        told=(b"content-type", b"x-webhook-id"),
    ),
    Sender(
        name="slack",
        path="/v1/webhooks/slack",
        write=_slack,
        sign=_by_slack,
        proof=b"x-slack-signature",
        time=b"x-slack-request-timestamp",
        signs=True,
        kind=b"application/x-www-form-urlencoded",
    ),
    Sender(
        name="github",
        path="/v1/webhooks/github",
        write=_github,
        sign=_by_github,
        proof=b"x-hub-signature-256",
        signs=True,
        told=(b"content-type", b"x-github-delivery", b"x-github-event"),
    ),
    Sender(
        name="gitlab",
        path="/v1/webhooks/gitlab",
        write=_gitlab,
        sign=_by_gitlab,
        proof=b"webhook-signature",
        time=b"webhook-timestamp",
        signs=True,
        told=(b"content-type", b"idempotency-key"),
    ),
    Sender(
        name="gitlab-token",
        path="/v1/webhooks/gitlab",
        write=lambda number: _gitlab(number + 1_000_000_000),
        sign=_by_gitlab_token,
        proof=b"x-gitlab-token",
        told=(b"content-type", b"idempotency-key"),
    ),
    Sender(
        name="argocd",
        path="/v1/webhooks/argocd",
        write=_argo_cd,
        sign=_by_bearer,
        proof=b"authorization",
    ),
    Sender(
        name="alertmanager",
        path="/v1/webhooks/alertmanager",
        write=_alertmanager,
        sign=_by_bearer,
        proof=b"authorization",
        counts_once=False,
    ),
    Sender(
        name="flagger",
        path="/flagger/confirm-promotion",
        write=_flagger,
        sign=_by_nothing,
        counts_once=False,
    ),
    Sender(
        name="approvals",
        path="/v1/approvals",
        write=_approval,
        sign=_by_bearer,
        proof=b"authorization",
    ),
)

LATER = timedelta(seconds=301)
"""Just too late for a signed time."""


def other_hash(body: bytes, secret: bytes, name: str) -> bytes:
    """Return a MAC by another hash function, in hexadecimal."""
    return hmac.new(secret, body, getattr(hashlib, name)).hexdigest().encode()
