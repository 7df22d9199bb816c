"""How PagerDuty is reached; read from the environment by `streams.pagerduty_settings`."""

from dataclasses import dataclass, field
from pathlib import Path

from schemas.pagerduty_callbacks import DECISION_FIELD

REST = "https://api.pagerduty.com"
EVENTS = "https://events.pagerduty.com"

INCIDENT_TYPE = "incident_default"
"""The type of incidents that every account has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerDutySettings:
    """One account, and one service of it.

    A secret has its own variable, or a file's name in the same with `_FILE` behind it.

    Attributes:
        token: REST API key; "" for no questions in PagerDuty. `SUTURE_PAGERDUTY_TOKEN`.
        sender: Email of the user on whose behalf we write; nobody who answers.
            `SUTURE_PAGERDUTY_FROM`.
        service: Id of the service whose escalation policy is asked. `SUTURE_PAGERDUTY_SERVICE`.
        routing_key: Integration key of the Events API v2; "" for no pages without a question and no
            changes on the timeline. `SUTURE_PAGERDUTY_ROUTING_KEY`.
        webhook_secrets: What webhooks are signed with; any counts, two while one is being replaced.
            `SUTURE_PAGERDUTY_WEBHOOK_SECRETS`, one a line.
        url: Base of the REST API; another in PagerDuty's EU region. `SUTURE_PAGERDUTY_URL`.
        events_url: Base of the Events API. `SUTURE_PAGERDUTY_EVENTS_URL`.
        authority: File of certificates to trust instead of the system's, as behind a proxy that looks into
            TLS; None for the system's. `SUTURE_PAGERDUTY_CA`.
        decision_field: Name of the incidents' custom field. `SUTURE_PAGERDUTY_FIELD`.
        incident_type: Name of the type of incidents that has the field. `SUTURE_PAGERDUTY_INCIDENT_TYPE`.
        escalation_level: Level of the escalation policy that is called when a question waits too long; 0
            for a note alone. `SUTURE_PAGERDUTY_ESCALATION_LEVEL`.
    """

    token: str = field(default="", repr=False)
    sender: str = ""
    service: str = ""
    routing_key: str = field(default="", repr=False)
    webhook_secrets: tuple[bytes, ...] = field(default=(), repr=False)
    url: str = REST
    events_url: str = EVENTS
    authority: Path | None = None
    decision_field: str = DECISION_FIELD
    incident_type: str = INCIDENT_TYPE
    escalation_level: int = 0

    @property
    def asks(self) -> bool:
        """Return whether questions are put to PagerDuty at all."""
        return bool(self.token)

    @property
    def tells(self) -> bool:
        """Return whether PagerDuty is told of pages and changes that are no questions."""
        return bool(self.routing_key)
