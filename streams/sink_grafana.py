"""The sink that marks releases in Grafana: an annotation at the deploy, a region from there to the rollback.

Grafana knows no idempotency key. A tag with a derived id stands for one: what bears it is looked for before
it is made.

Source: grafana.com/docs, HTTP API, Annotations.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from actions.errors import TransientActionError
from actions.http_door import HttpDoor
from actions.telling import TIMEOUT_S, tell
from schemas.cdevents_form import Addresses, Background
from schemas.cdevents_out import is_rolled_back
from schemas.effects import Effect
from schemas.instants import to_ms
from schemas.judgements import VerdictKind
from schemas.keys import ReleaseId, derived_id
from schemas.observations import OutcomeReported, ReleaseOpened, VerdictReached
from schemas.orders import Outcome
from schemas.outward_words import outward_title, outward_words
from schemas.releases import Release

_PATH = "/api/annotations"


class GrafanaSink:
    """Writes annotations.

    Args:
        address: Of Grafana.
        token: Of a service account that may read and write annotations.
        background: What was said of a release before.
        addresses: Where a reader goes on.
    """

    name = "grafana"

    def __init__(
        self,
        address: str,
        token: str,
        background: Callable[[ReleaseId], Background],
        addresses: Addresses,
    ) -> None:
        self._door = HttpDoor({"Authorization": f"Bearer {token}"}, TIMEOUT_S)
        self._address, self._background, self._addresses = address, background, addresses

    def take(self, effect: Effect) -> None:
        """Mark a release, a harmful verdict, and the rollback."""
        match effect.said:
            case ReleaseOpened(release=release):
                self._mark(release.id, self._deploy(release))
            case VerdictReached(verdict=verdict, release=release) if verdict.kind is VerdictKind.HARMFUL:
                text = self._with_address(f"{outward_title(verdict)}; {outward_words(verdict)}", release.id)
                self._mark(verdict.id, _annotation(verdict.at, None, text, release, "verdict", verdict.id))
            case OutcomeReported(outcome=outcome) if is_rolled_back(outcome):
                self._rolled_back(outcome)
            case _:
                return

    def turn(self) -> None:
        """Do nothing: nobody answers."""

    def _rolled_back(self, outcome: Outcome) -> None:
        release = self._background(outcome.release).release
        if release is None:
            return
        region = _annotation(
            release.started_at,
            outcome.at,
            self._with_address(
                f"{release.service} {release.version} in {release.environment}, rolled back", release.id
            ),
            release,
            "rollback",
            outcome.command,
        )
        self._mark(outcome.command, region)

    def _deploy(self, release: Release) -> dict[str, Any]:
        text = self._with_address(
            f"{release.service} {release.version} reaches {release.environment}", release.id
        )
        return _annotation(release.started_at, None, text, release, "deploy", release.id)

    def _with_address(self, text: str, release: ReleaseId) -> str:
        return f"{text}\n{self._addresses.of(release)}" if self._addresses.release else text

    def _mark(self, what: str, annotation: dict[str, Any]) -> None:
        """Write an annotation unless one with its id is there."""
        query = urlencode(
            {
                "tags": annotation["tags"][-1],
                "type": "annotation",
                "from": annotation["time"] - 1,
                "to": annotation.get("timeEnd", annotation["time"]) + 1,
                "limit": 1,
            }
        )
        told = f"Grafana: annotation of {what}"
        there = tell(self._door, told, "GET", f"{self._address}{_PATH}?{query}")
        if not isinstance(there, list):
            raise TransientActionError(f"{told}: no list was answered, is this Grafana's address?")
        if not there:
            tell(self._door, told, "POST", self._address + _PATH, annotation)


def _annotation(
    at: datetime, until: datetime | None, text: str, release: Release, kind: str, what: str
) -> dict[str, Any]:
    """Return an annotation of the whole organization; dashboards choose by tags. The last tag is its id."""
    annotation: dict[str, Any] = {
        "time": to_ms(at),
        "text": text,
        "tags": [
            "suture",
            f"suture-{kind}",
            f"service:{release.service}",
            f"environment:{release.environment}",
            f"version:{release.version}",
            f"suture-id:{derived_id('grafana annotation', kind, what)}",
        ],
    }
    if until is not None:
        annotation["timeEnd"] = to_ms(until)
    return annotation
