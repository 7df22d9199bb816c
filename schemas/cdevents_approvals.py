"""CDEvents that others read of questions and answers: the draft's approval events.

The draft may change until it is released, so its events travel as the data of events of our own type.

Source: cdevents.dev, draft 0.6.0, approval events.
"""

from datetime import datetime
from typing import Any
from urllib.parse import quote

from schemas.approvals import HoldChange, HoldChanged
from schemas.cdevents_form import Addresses, Background, cdevent, detected_id, link_from
from schemas.cloudevents import CloudEvent
from schemas.keys import EnvironmentName, ReleaseId, ServiceName, derived_id
from schemas.orders import Held

_DRAFT = "0.6.0-draft"

_DECISIONS: dict[HoldChange, str] = {
    HoldChange.AGREED: "approved",
    HoldChange.ESCALATED: "escalated",
    HoldChange.HANDED_OVER: "delegate",
}
_ENDS: dict[HoldChange, tuple[str, str]] = {
    HoldChange.GRANTED: ("approved", "approved"),
    HoldChange.REJECTED: ("rejected", "rejected"),
    HoldChange.EXPIRED: ("deferred", "expired"),
    HoldChange.WITHDRAWN: ("deferred", "cancelled"),
}
"""Decision and status. The draft has no decision for "nobody said anything": deferred comes closest."""


def approval_created(held: Held, background: Background, addresses: Addresses) -> CloudEvent:
    """Return the event of a question that a human is asked."""
    return _approval(
        "created",
        id_=_created_id(held.id),
        at=held.at,
        hold=held.id,
        release=held.release,
        background=background,
        addresses=addresses,
        content={"requestor": f"urn:suture:policy:{quote(held.guard, safe='')}"},
        links=link_from("PATH", detected_id(background.harm) if background.harm else ""),
        custom={"command": held.command.id if held.command else "", "guard": held.guard},
        key=(held.environment, held.service),
    )


def approval_changed(changed: HoldChanged, background: Background, addresses: Addresses) -> CloudEvent | None:
    """Return the event of an answer or an end; None for an answer that does not count."""
    content = {"responder": _responder(changed.by)}
    if changed.change in _ENDS:
        content["decision"], content["status"] = _ENDS[changed.change]
    elif changed.change in _DECISIONS:
        content["decision"] = _DECISIONS[changed.change]
    else:
        # Who was not asked decided nothing.
        return None
    return _approval(
        "closed" if changed.change.is_end else "updated",
        id_=derived_id("cdevents out", "approval", changed.id),
        at=changed.at,
        hold=changed.hold,
        release=changed.release,
        background=background,
        addresses=addresses,
        content=content,
        links=link_from("END" if changed.change.is_end else "PATH", _created_id(changed.hold)),
        custom={"change": changed.change},
        key=(changed.environment, changed.service),
    )


def _approval(
    predicate: str,
    *,
    id_: str,
    at: datetime,
    hold: str,
    release: ReleaseId,
    background: Background,
    addresses: Addresses,
    content: dict[str, str],
    links: list[dict[str, Any]],
    custom: dict[str, Any],
    key: tuple[EnvironmentName, ServiceName],
) -> CloudEvent:
    """Return a draft's event inside an event of our own type: the draft's may change until it is released."""
    target = addresses.of(release)
    environment, service = key
    return cdevent(
        kind=f"approval.{predicate}.0.1.0",
        id_=id_,
        at=at,
        release=release,
        background=background,
        subject=hold,
        content={"approvalDetailsUrl": target, "resourceTargetUrl": target, **content},
        links=links,
        custom={"release": release, "environment": environment, "service": service, **custom},
        key=key,
        version=_DRAFT,
        own_type=f"dev.suture.approval_{predicate}.v1",
    )


def _created_id(hold: str) -> str:
    return derived_id("cdevents out", "approval.created", hold)


def _responder(by: str) -> str:
    """Return who answered as a URN.

    >>> _responder("ann via slack"), _responder("policy")
    ('urn:user:slack:ann', 'urn:suture:policy')
    """
    name, via, channel = by.rpartition(" via ")
    if not via:
        return f"urn:suture:{quote(by or 'policy', safe='')}"
    return f"urn:user:{quote(channel, safe='')}:{quote(name, safe='')}"
