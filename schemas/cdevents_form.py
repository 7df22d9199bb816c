"""The form of the CDEvents that we publish: context, chain, links and a place for what is our own.

An event's id is derived of what it tells, so an event that is sent again is the same event. Events about one
release share a chain, and each links to the one before it: the deploy event, the incident, the rollback, the
recovery.

Source: cdevents.dev, specification v0.5.1, context and links.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from schemas.cloudevents import CloudEvent
from schemas.envelopes import SOURCE, iso
from schemas.keys import EnvironmentName, ReleaseId, ServiceName, derived_id
from schemas.releases import Release

SPECIFICATION = "0.5.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What was said earlier of the release that an effect is about.

    Attributes:
        release: None where it is not known any more.
        harm: Id of the first verdict that found it harmful; "" for none.
        harmed_at: When the harm began, as that verdict says; None without one.
    """

    release: Release | None = None
    harm: str = ""
    harmed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a reader goes on.

    Attributes:
        release: Page about a release, with `{release}` in it; "" for none.
    """

    release: str = ""

    def of(self, release: ReleaseId) -> str:
        """Return the address of a release; a URN where there is no page."""
        if not self.release:
            return f"urn:suture:release:{quote(release, safe='')}"
        return self.release.replace("{release}", quote(release, safe=""))


def cdevent(
    *,
    kind: str,
    id_: str,
    at: datetime,
    release: ReleaseId,
    background: Background,
    subject: str,
    content: dict[str, Any],
    links: list[dict[str, Any]],
    custom: dict[str, Any],
    key: tuple[EnvironmentName, ServiceName],
    version: str = SPECIFICATION,
    own_type: str = "",
) -> CloudEvent:
    """Return an event.

    Args:
        kind: Its type behind `dev.cdevents.`.
        id_: Derived of what it tells.
        at: When that happened.
        release: What it is about; gives the chain where the deploy event named none.
        background: What is known of the release.
        subject: Id of what happened to somebody.
        content: The subject's.
        links: To the event before it.
        custom: What only we know; empty values are left out.
        key: Environment and service.
        version: Of the specification.
        own_type: The CloudEvent's type, where it is not the CDEvent's.
    """
    known = background.release
    type_ = f"dev.cdevents.{kind}"
    cause = deploy_event_of(known) if known else ""
    relation = (
        [{"linkType": "RELATION", "linkKind": "CAUSE", "target": {"contextId": cause}}] if cause else []
    )
    context: dict[str, Any] = {
        "specversion": version,
        "id": id_,
        "source": SOURCE,
        "type": type_,
        "timestamp": iso(at),
        "chainId": known.chain if known and known.chain else derived_id("cdevents chain", release),
    }
    if links or relation:
        context["links"] = links + relation
    data = {
        "context": context,
        "subject": {"id": subject, "source": SOURCE, "content": content},
        "customData": {"suture": {name: value for name, value in custom.items() if value != ""}},
        "customDataContentType": "application/json",
    }
    return CloudEvent(
        id=id_, source=SOURCE, type=own_type or type_, time=at, subject="/".join(key), data=data
    )


def detected_id(verdict: str) -> str:
    """Return the id of the event that tells of an incident, found by a verdict."""
    return derived_id("cdevents out", "incident.detected", verdict)


def link_from(kind: str, event: str) -> list[dict[str, Any]]:
    """Return a link to the event before; nothing where that is not known."""
    return [{"linkType": kind, "from": {"contextId": event}}] if event else []


def deploy_event_of(release: Release) -> str:
    """Return the id of the CDEvent that began a release, which is kept behind its source."""
    return release.event.partition(" ")[2]
