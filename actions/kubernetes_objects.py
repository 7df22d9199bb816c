"""What is asked of any Kubernetes object's JSON: its version, and what must still hold when it is written."""

from datetime import datetime
from typing import Any

Json = dict[str, Any]


def version_of(thing: Json) -> str:
    """Return an object's resourceVersion."""
    return str(thing["metadata"]["resourceVersion"])


def instant(text: str) -> datetime:
    """Return the instant of a `metav1.Time`.

    >>> instant("2026-11-01T03:00:00Z").isoformat()
    '2026-11-01T03:00:00+00:00'
    """
    return datetime.fromisoformat(text)


def as_read(thing: Json) -> dict[str, str]:
    """Return what must still hold when a patch arrives, as metadata of a merge patch (409 if it does not)."""
    metadata = thing["metadata"]
    return {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}


def tests(thing: Json) -> list[Json]:
    """Return what must still hold when a patch arrives, as steps of a JSON patch (422 if it does not)."""
    return [
        {"op": "test", "path": f"/metadata/{key}", "value": value} for key, value in as_read(thing).items()
    ]
