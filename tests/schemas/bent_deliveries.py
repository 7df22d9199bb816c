"""Deliveries of webhooks that were bent, and what must become of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from schemas.cdevents import read_deploy
from schemas.cloudevents import write_record
from schemas.errors import SchemaError
from schemas.webhook_deploys import Told, ToldDeploy, told_event

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def bent(draw: st.DrawFn, message: dict[str, Any]) -> bytes:
    """Draw a delivery of which up to three values, also in its lists, were replaced or taken away."""
    changed = deepcopy(message)
    for _ in range(draw(st.integers(1, 3))):
        inner: Any = changed
        while True:
            name = draw(st.sampled_from(sorted(inner) if isinstance(inner, dict) else range(len(inner))))
            if not isinstance(inner[name], dict | list) or not inner[name] or not draw(st.booleans()):
                break
            inner = inner[name]
        if draw(st.booleans()):
            inner[name] = draw(json_values)
        else:
            del inner[name]
        if not changed:
            break
    return json.dumps(changed).encode()


def settle(read: Callable[[bytes], Told], content: bytes) -> None:
    """Read and write what was told; anything but SchemaError fails the test."""
    with suppress(SchemaError):
        told = read(content)
        if isinstance(told, ToldDeploy):
            event = told_event(told)
            assert read_deploy(event) is not None
            write_record(event)
