"""Smoke tests beside the judge: what one environment remembers of them. Pure."""

from datetime import datetime, timedelta

from schemas.releases import Release
from schemas.smoke_tests import SmokeTested

_REMEMBERED = timedelta(hours=24)
_MOST = 1000


def take_in(known: dict[str, SmokeTested], event: SmokeTested, now: datetime) -> bool:
    """Remember a smoke test; return False for one that is older than what is known."""
    key = _key(event.service, event.version)
    if key in known and known[key].at >= event.at:
        return False
    for old in [name for name, test in known.items() if now - test.at > _REMEMBERED]:
        del known[old]
    if len(known) >= _MOST:
        del known[min(known, key=lambda name: (known[name].at, name))]
    known[key] = event
    return True


def test_of(known: dict[str, SmokeTested], release: Release) -> SmokeTested | None:
    """Return the newest smoke test of a release; one of an earlier deploy of the version is none of it."""
    found = known.get(_key(release.service, release.version))
    return found if found is not None and found.at >= release.started_at else None


def _key(service: str, version: str) -> str:
    return f"{service} {version}"
