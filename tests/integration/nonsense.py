"""Messages that nobody meant, for every topic that a part of Suture reads; a seed gives them again."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import TypeAlias

from actions.signing import KeyRing
from schemas.envelopes import SIGNATURE_HEADER
from schemas.observation_messages import KIND_HEADER, ORIGIN_HEADER
from schemas.topics import Topic
from tests.integration.installation import KEYS
from tests.integration.telemetry import Speaker, as_json, logs_of, metrics_of

Nonsense: TypeAlias = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]
"""Key, value and headers."""

Maker: TypeAlias = Callable[[random.Random], Nonsense]

_AT_NS = 1_795_000_000_000_000_000
_NOBODY = Speaker(pod="p", version="1", template="t", service="")
_SOMEBODY = Speaker(pod="p", version="1", template="t", service="cart")
_RING = KeyRing.from_text(KEYS)


def _noise(random_: random.Random) -> bytes:
    # 0x0f opens field 1 with a wire type that does not exist: no protobuf begins so.
    return b"\x0f" + random_.randbytes(random_.randint(1, 200))


def _cut(whole: bytes, random_: random.Random) -> bytes:
    return whole[: random_.randint(1, len(whole) - 1)]


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _kind(name: str, *more: tuple[str, bytes]) -> list[tuple[str, bytes]]:
    return [(KIND_HEADER, name.encode()), *more]


def _signed(value: bytes) -> list[tuple[str, bytes]]:
    return [(SIGNATURE_HEADER, _RING.sign(value))]


def _deploy(**changes: object) -> bytes:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/ci",
        "type": "dev.cdevents.service.deployed.0.3.0",
        "data": {
            "context": {
                "specversion": "0.5.1",
                "id": "1",
                "source": "/ci",
                "type": "dev.cdevents.service.deployed.0.3.0",
                "timestamp": "2026-11-20T14:00:05Z",
            },
            "subject": {"id": "cart", "content": {"environment": {"id": "dev"}}},
        },
    }
    return _json(event | changes)


_STRUCTURED = [("content-type", b"application/cloudevents+json")]


def _otlp(whole: bytes, nameless: bytes, wrong_json: bytes) -> Mapping[str, Maker]:
    return {
        "random bytes": lambda r: (None, _noise(r), []),
        "truncated protobuf": lambda r: (None, _cut(whole, r), []),
        "truncated JSON": lambda r: (r.randbytes(4), wrong_json[: r.randint(2, len(wrong_json) - 1)], []),
        "JSON of another kind": lambda r: (
            None,
            _json({"resourceMetrics": r.random(), "resourceLogs": 1}),
            [],
        ),
        "a resource without a service": lambda _: (None, nameless, []),
    }


def _orders() -> Mapping[str, Maker]:
    other = KeyRing.from_text("other:" + "QUFB" * 8)

    def unsigned(random_: random.Random) -> Nonsense:
        return (b"k", _json({"data": {"id": random_.random()}}), [])

    def signed_by_others(random_: random.Random) -> Nonsense:
        value = _json({"data": {"id": random_.random()}})
        return (b"k", value, [(SIGNATURE_HEADER, other.sign(value))])

    def changed_after_signing(random_: random.Random) -> Nonsense:
        value = _json({"data": {"id": random_.random()}})
        return (b"k", value + b" ", _signed(value))

    def signed_noise(random_: random.Random) -> Nonsense:
        value = _noise(random_)
        return (None, value, _signed(value))

    def signed_nothing_known(random_: random.Random) -> Nonsense:
        value = _json({"data": {"id": str(random_.random()), "kind": "destroy"}})
        return (b"k", value, _signed(value))

    return {
        "unsigned": unsigned,
        "signed by others": signed_by_others,
        "changed after signing": changed_after_signing,
        "signed noise": signed_noise,
        "signed, and no order": signed_nothing_known,
        "no value": lambda _: (b"k", None, []),
    }


def _observed(bare_key: bytes) -> Mapping[str, Maker]:
    at = "2026-11-20T14:00:05Z"
    freeze = {"environment": "prod", "until": at, "by": "x", "at": at}
    return {
        "no kind": lambda r: (None, _noise(r), []),
        "an unknown kind": lambda r: (None, _noise(r), _kind(f"k{r.random()}")),
        "noise for a batch": lambda r: (bare_key, _noise(r), _kind("samples")),
        "noise for a tick": lambda r: (None, _noise(r), _kind("tick")),
        "another key than its content's": lambda _: (b"elsewhere", _json(freeze), _kind("freeze-set")),
        "a tick without a zone": lambda _: (None, _json({"at": "2026-11-20T14:00:05"}), _kind("tick")),
        "a wrong origin": lambda _: (None, _json({"at": at}), _kind("tick", (ORIGIN_HEADER, b"nowhere"))),
        "no value": lambda _: (bare_key, None, _kind("tick")),
    }


def _effects() -> Mapping[str, Maker]:
    at = "2026-11-20T14:00:05Z"
    freeze = {"environment": "prod", "until": at, "by": "x", "at": at}
    cause = {"causetopic": "observations", "causepartition": 0, "causeoffset": 1, "causeindex": 0}
    event = {"type": "dev.suture.freeze.v1", "subject": "prod", "data": freeze, **cause}
    return {
        "random bytes": lambda r: (None, _noise(r), []),
        "a list": lambda r: (None, _json([r.random()]), []),
        "an unknown type": lambda r: (None, _json(event | {"type": f"dev.other.{r.random()}"}), []),
        "an endless offset": lambda _: (None, _json(event | {"causeoffset": float("inf")}), []),
        "half a character": lambda _: (None, _json(event | {"subject": "\ud800"}), []),
        "the end of time": lambda _: (
            None,
            _json(event | {"data": freeze | {"at": "9999-12-31T23:59:59-23:00"}}),
            [],
        ),
        "other data": lambda r: (None, _json(event | {"data": {"n": r.random()}}), []),
        "no value": lambda _: (b"k", None, []),
    }


NONSENSE: Mapping[Topic, Mapping[str, Maker]] = {
    Topic.CDEVENTS: {
        "random bytes": lambda r: (None, _noise(r), _STRUCTURED),
        "truncated JSON": lambda r: (None, _cut(_deploy(), r), _STRUCTURED),
        "a list": lambda r: (None, _json([r.random()]), []),
        "an event without id": lambda _: (None, _deploy(id=None), _STRUCTURED),
        "a deploy without content": lambda _: (None, _deploy(data={}), _STRUCTURED),
        "another content type": lambda r: (None, _noise(r), [("content-type", b"text/plain")]),
        "no value": lambda _: (b"k", None, _STRUCTURED),
    },
    Topic.OTLP_METRICS: _otlp(
        metrics_of(_SOMEBODY, _AT_NS).SerializeToString(),
        metrics_of(_NOBODY, _AT_NS).SerializeToString(),
        as_json(metrics_of(_SOMEBODY, _AT_NS)),
    ),
    Topic.OTLP_LOGS: _otlp(
        logs_of(_SOMEBODY, _AT_NS, "x").SerializeToString(),
        logs_of(_NOBODY, _AT_NS, "x").SerializeToString(),
        as_json(logs_of(_SOMEBODY, _AT_NS, "x")),
    ),
    Topic.OBSERVATIONS: _observed(b"dev/cart"),
    Topic.ENVIRONMENT_OBSERVATIONS: _observed(b"dev"),
    Topic.COMMANDS: _orders(),
    Topic.OUTCOMES: _orders(),
    Topic.EFFECTS: _effects(),
}
