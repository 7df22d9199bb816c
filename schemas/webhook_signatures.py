"""Proofs that a webhook's delivery comes from who says so, over its bytes as they came.

Everything is compared as bytes and in constant time: `hmac.compare_digest` raises TypeError on text that
is not ASCII, which a stranger could make of any header.

Sources: docs.github.com, "Validating webhook deliveries"; developer.pagerduty.com, "Verifying Signatures";
standardwebhooks.com, specification 1.0, with which GitLab signs (gitlab-org/gitlab!230944); docs.slack.dev,
"Verifying requests from Slack".
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from schemas.errors import SettingsError, SutureError
from schemas.instants import EPOCH, require_aware

TOLERANCE = timedelta(minutes=5)
"""How far a signed time may be from ours, either way. Longer leaves a stolen delivery of use for longer,
shorter refuses senders whose clocks are off."""

SHORTEST_SECRET = 16
"""Bytes; a shorter secret can be guessed."""

_HUB = b"sha256="
_PAGERDUTY = b"v1="
_VERSION = b"v1,"
_SLACK = b"v0"
_KEY_PREFIX = "whsec_"
_LONGEST_TIME = 12


class SignatureError(SutureError):
    """A delivery does not prove who sent it: refuse it with this sentence."""


def check_hub_signature(body: bytes, signature: bytes | None, secrets: Sequence[bytes]) -> None:
    """Return if `X-Hub-Signature-256` signs the body with one of the secrets.

    Args:
        body: As it came, before anything was parsed or unpacked.
        signature: The header; None where there is none.
        secrets: Any of them may have signed: two while one is being replaced.

    Raises:
        SignatureError: it does not.

    >>> check_hub_signature(
    ...     b"Hello, World!",
    ...     b"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    ...     [b"It's a Secret to Everybody"],
    ... )
    """
    if signature is None:
        raise SignatureError("signature is missing, expected X-Hub-Signature-256")
    expected = [_HUB + hmac.new(secret, body, hashlib.sha256).hexdigest().encode() for secret in secrets]
    if not _is_any(signature, expected):
        raise SignatureError("signature is not that of this body with the secret that is configured")


def check_pagerduty_signature(body: bytes, signatures: bytes | None, secrets: Sequence[bytes]) -> None:
    """Return if one of the signatures is that of the body with one of the secrets.

    No time is signed: whoever takes an answer remembers the ids of events and refuses old ones.

    Args:
        body: As it came.
        signatures: The header `X-PagerDuty-Signature`: `v1=HEX`, several with a comma between them while a
            secret is being replaced, blanks or none after it.
        secrets: Any of them may have signed.

    Raises:
        SignatureError: none is.

    Source: developer.pagerduty.com, "Verifying Signatures" of webhooks v3.
    """
    if not signatures:
        raise SignatureError("signature is missing, expected X-PagerDuty-Signature")
    digests = [hmac.new(secret, body, hashlib.sha256).hexdigest() for secret in secrets]
    expected = [_PAGERDUTY + digest.encode() for digest in digests]
    if not any(_is_any(signature.strip(b" \t"), expected) for signature in signatures.split(b",")):
        raise SignatureError("signature is not that of this body with the secret that is configured")


def check_standard_webhook(
    body: bytes,
    *,
    message: bytes | None,
    timestamp: bytes | None,
    signatures: bytes | None,
    secrets: Sequence[bytes],
    now: datetime,
) -> None:
    """Return if one of the signatures is that of the body, its id and its time with one of the secrets.

    Args:
        body: As it came.
        message: The header `webhook-id`.
        timestamp: The header `webhook-timestamp`: whole seconds since the epoch.
        signatures: The header `webhook-signature`: `v1,BASE64`, several with a blank between them.
        secrets: As `standard_webhook_key` gives them.
        now: Time of arrival.

    Raises:
        SignatureError: none is, a header is missing, or the time is more than five minutes off.
    """
    if not message or not timestamp or not signatures:
        raise SignatureError(
            "signature is missing, expected webhook-id, webhook-timestamp and webhook-signature"
        )
    # `bytes.isdigit` knows ASCII alone, and so neither a sign nor a point nor a blank.
    if not timestamp.isdigit() or len(timestamp) > _LONGEST_TIME:
        raise SignatureError("webhook-timestamp is not a whole number of seconds")
    signed = b".".join((message, timestamp, body))
    expected = [_VERSION + base64.b64encode(hmac.digest(secret, signed, "sha256")) for secret in secrets]
    if not any(_is_any(signature, expected) for signature in signatures.split(b" ")):
        raise SignatureError("signature is not that of this body with the secret that is configured")
    if abs(require_aware("now", now) - EPOCH - timedelta(seconds=int(timestamp))) > TOLERANCE:
        raise SignatureError("webhook-timestamp is more than five minutes off, expected a fresh delivery")


def check_slack_signature(
    body: bytes,
    *,
    timestamp: bytes | None,
    signature: bytes | None,
    secrets: Sequence[bytes],
    now: datetime,
) -> None:
    """Return if `X-Slack-Signature` signs the body and its time with one of the secrets.

    Args:
        body: As it came.
        timestamp: The header `X-Slack-Request-Timestamp`: whole seconds since the epoch.
        signature: The header `X-Slack-Signature`: `v0=` and hexadecimal.
        secrets: Signing secrets of the app; any counts.
        now: Time of arrival.

    Raises:
        SignatureError: it does not, a header is missing, or the time is more than five minutes off.

    Source: docs.slack.dev, "Verifying requests from Slack".
    """
    if not timestamp or not signature:
        raise SignatureError("signature is missing, expected X-Slack-Request-Timestamp and X-Slack-Signature")
    if not timestamp.isdigit() or len(timestamp) > _LONGEST_TIME:
        raise SignatureError("X-Slack-Request-Timestamp is not a whole number of seconds")
    signed = b":".join((_SLACK, timestamp, body))
    expected = [_SLACK + b"=" + hmac.digest(secret, signed, "sha256").hex().encode() for secret in secrets]
    if not _is_any(signature, expected):
        raise SignatureError("signature is not that of this body with the secret that is configured")
    if abs(require_aware("now", now) - EPOCH - timedelta(seconds=int(timestamp))) > TOLERANCE:
        raise SignatureError(
            "X-Slack-Request-Timestamp is more than five minutes off, expected a fresh delivery"
        )


def check_shared_secret(given: bytes | None, secrets: Sequence[bytes]) -> None:
    """Return if what was given is one of the secrets: for senders that cannot sign.

    Raises:
        SignatureError: it is not.
    """
    if given is None:
        raise SignatureError("token is missing")
    # Of digests, so that not even the length of a secret is told by the time it takes.
    if not _is_any(hashlib.sha256(given).digest(), [hashlib.sha256(one).digest() for one in secrets]):
        raise SignatureError("token is not the one that is configured")


def standard_webhook_key(secret: str) -> bytes:
    """Return the key of a secret such as `whsec_...`, which is base64 behind that prefix.

    Raises:
        SettingsError: it is not; never repeats it.

    >>> len(standard_webhook_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    24
    """
    try:
        return base64.b64decode(secret.removeprefix(_KEY_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SettingsError("a signing secret is not base64, expected whsec_ and base64") from error


def _is_any(given: bytes, expected: Sequence[bytes]) -> bool:
    return any(hmac.compare_digest(given, one) for one in expected)
