"""The sink that tells Datadog of deployments, their failure and their rollback."""

from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from actions import datadog_bodies as bodies
from actions.http_door import HttpDoor
from actions.telling import TIMEOUT_S, tell
from schemas.cdevents_form import Background
from schemas.cdevents_out import is_rolled_back
from schemas.effects import Effect
from schemas.judgements import Recovery, RecoveryKind, VerdictKind
from schemas.keys import ReleaseId
from schemas.observations import OutcomeReported, ReleaseOpened, VerdictReached
from schemas.orders import Outcome

_DEPLOYMENTS, _FAILURES = "/api/v2/dora/deployment", "/api/v2/dora/failure"
_PATCHED = "/api/v2/dora/deployments/{id}"
_EVENTS = "/api/v2/events"


class DatadogSink:
    """Tells Datadog.

    Args:
        address: Base of the API at one's site.
        key: API key.
        application_key: Marks deployments as failed and sends change events; "" leaves both out.
        background: What was said of a release before.
    """

    name = "datadog"

    def __init__(
        self, address: str, key: str, application_key: str, background: Callable[[ReleaseId], Background]
    ) -> None:
        headers = {"DD-API-KEY": key}
        if application_key:
            headers["DD-APPLICATION-KEY"] = application_key
        self._door = HttpDoor(headers, TIMEOUT_S)
        self._address, self._has_application_key = address, bool(application_key)
        self._background = background

    def take(self, effect: Effect) -> None:
        """Tell of a release, of harm, of a rollback and of the recovery."""
        match effect.said:
            case ReleaseOpened(release=release):
                self._post(f"deployment {release.id}", _DEPLOYMENTS, bodies.deployment(release))
            case VerdictReached(verdict=verdict) if verdict.kind is VerdictKind.HARMFUL:
                # The first harmful verdict tells; a later one finds nothing new to say.
                if self._background(verdict.release).harm in ("", verdict.id):
                    self._post(f"incident of {verdict.release}", _FAILURES, bodies.incident(verdict))
                    self._mark_failed(verdict.release)
            case OutcomeReported(outcome=outcome) if is_rolled_back(outcome):
                self._rolled_back(outcome)
            case Recovery() as recovery if recovery.kind is RecoveryKind.RECOVERED:
                self._recovered(recovery)
            case _:
                return

    def turn(self) -> None:
        """Do nothing: nobody answers."""

    def _rolled_back(self, outcome: Outcome) -> None:
        self._post(f"rollback {outcome.command}", _DEPLOYMENTS, bodies.rollback(outcome))
        if not self._has_application_key:
            return
        self._mark_failed(outcome.release, bodies.rollback_id(outcome.command))
        what = f"Datadog: change event of rollback {outcome.command}"
        tell(self._door, what, "POST", events_address(self._address) + _EVENTS, bodies.change(outcome))

    def _recovered(self, recovery: Recovery) -> None:
        known = self._background(recovery.release)
        if known.release is None or known.harmed_at is None:
            return
        body = bodies.incident_over(recovery, known.release, known.harmed_at)
        self._post(f"end of the incident of {recovery.release}", _FAILURES, body)

    def _mark_failed(self, release: ReleaseId, remedy: str = "") -> None:
        if not self._has_application_key:
            return
        body = bodies.change_failure(release, remedy)
        path = _PATCHED.format(id=bodies.deployment_id(release))
        tell(self._door, f"Datadog: failure of {release}", "PATCH", self._address + path, body)

    def _post(self, what: str, path: str, body: bodies.Json) -> None:
        tell(self._door, f"Datadog: {what}", "POST", self._address + path, body)


def events_address(address: str) -> str:
    """Return where events are taken, which is another host than the rest of the API.

    >>> events_address("https://api.datadoghq.eu"), events_address("http://127.0.0.1:8080")
    ('https://event-management-intake.datadoghq.eu', 'http://127.0.0.1:8080')
    """
    parts = urlsplit(address)
    host = parts.netloc
    if host.startswith("api."):
        host = f"event-management-intake.{host.removeprefix('api.')}"
    return urlunsplit(parts._replace(netloc=host))
