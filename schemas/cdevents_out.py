"""CDEvents that others read of incidents and rollbacks, made of what the engine said.

Source: cdevents.dev, specification v0.5.1, continuous operations and continuous deployment events.
"""

from typing import Any
from urllib.parse import quote

from schemas.approvals import HoldChanged
from schemas.cdevents_approvals import approval_changed, approval_created
from schemas.cdevents_form import Addresses, Background, cdevent, deploy_event_of, detected_id, link_from
from schemas.cloudevents import CloudEvent
from schemas.effects import Effect
from schemas.envelopes import iso
from schemas.judgements import Recovery, RecoveryKind, VerdictKind
from schemas.keys import EnvironmentName, ReleaseId, ServiceName, derived_id
from schemas.observations import OutcomeReported, VerdictReached
from schemas.orders import CommandKind, Held, Outcome, OutcomeKind
from schemas.outward_words import outward_title, outward_words
from schemas.releases import Release

_CONFIRMED = (OutcomeKind.DONE, OutcomeKind.ALREADY_DONE)
_LONGEST_DESCRIPTION = 2000


def release_of(effect: Effect) -> ReleaseId | None:
    """Return the release whose background an outgoing event needs; None where none goes out."""
    match effect.said:
        case VerdictReached(verdict=verdict) if verdict.kind is VerdictKind.HARMFUL:
            return verdict.release
        case OutcomeReported(outcome=outcome) if is_rolled_back(outcome):
            return outcome.release
        case Recovery() as recovery if recovery.kind is RecoveryKind.RECOVERED:
            return recovery.release
        case (Held() | HoldChanged()) as told:
            return told.release
        case _:
            return None


def outgoing_event(effect: Effect, background: Background, addresses: Addresses) -> CloudEvent | None:
    """Return the event that an effect becomes; None where it tells others nothing.

    Args:
        effect: What the engine said.
        background: What was said of the release named by `release_of`.
        addresses: Where a reader goes on.
    """
    if release_of(effect) is None:
        return None
    match effect.said:
        case VerdictReached() as reached:
            return _detected(reached, background)
        case OutcomeReported(outcome=outcome):
            return _rolled_back(outcome, background)
        case Recovery() as recovery:
            return _resolved(recovery, background) if background.harm else None
        case Held() as held:
            return approval_created(held, background, addresses) if held.command else None
        case HoldChanged() as changed:
            return approval_changed(changed, background, addresses)
        case _:
            return None


def is_rolled_back(outcome: Outcome) -> bool:
    """Return whether a release was taken back, as read back from the world."""
    return (
        outcome.command_kind is CommandKind.UNDO
        and outcome.kind in _CONFIRMED
        and bool(outcome.template_after)
    )


def _detected(reached: VerdictReached, background: Background) -> CloudEvent:
    verdict, release = reached.verdict, reached.release
    words = f"{outward_title(verdict)}; {outward_words(verdict)}"
    return cdevent(
        kind="incident.detected.0.3.0",
        id_=detected_id(verdict.id),
        at=verdict.at,
        release=release.id,
        background=Background(release=release, harm=background.harm),
        subject=_incident(release.id),
        content=_incident_content(words, release.environment, release.service, release),
        links=link_from("PATH", deploy_event_of(release)),
        custom={
            "release": release.id,
            "verdict": verdict.id,
            "confidence": verdict.confidence,
            "firstBadAt": iso(verdict.first_bad_at) if verdict.first_bad_at else "",
        },
        key=(release.environment, release.service),
    )


def _rolled_back(outcome: Outcome, background: Background) -> CloudEvent:
    from_version = background.release.version if background.release else ""
    return cdevent(
        kind="service.rolledback.0.3.0",
        id_=_rolled_back_id(outcome.command),
        at=outcome.at,
        release=outcome.release,
        background=background,
        subject=outcome.service,
        content={
            "environment": {"id": outcome.environment},
            # Which version a template runs is telemetry's to say; that it is this template was read back.
            "artifactId": f"pkg:generic/{quote(outcome.service, safe='')}"
            f"?template={quote(outcome.template_after, safe='')}",
        },
        links=link_from("PATH", detected_id(background.harm) if background.harm else ""),
        custom={
            "release": outcome.release,
            "command": outcome.command,
            "rolledBackVersion": from_version,
            "templateBefore": outcome.template_before,
            "templateAfter": outcome.template_after,
        },
        key=(outcome.environment, outcome.service),
    )


def _resolved(recovery: Recovery, background: Background) -> CloudEvent:
    return cdevent(
        kind="incident.resolved.0.3.0",
        id_=derived_id("cdevents out", "incident.resolved", recovery.id),
        at=recovery.at,
        release=recovery.release,
        background=background,
        subject=_incident(recovery.release),
        content=_incident_content(
            f"{recovery.service} in {recovery.environment} is at its quiet level again",
            recovery.environment,
            recovery.service,
            background.release,
        ),
        links=link_from("END", _rolled_back_id(recovery.command)),
        custom={
            "release": recovery.release,
            "command": recovery.command,
            "recoveredAt": iso(recovery.recovered_at) if recovery.recovered_at else "",
        },
        key=(recovery.environment, recovery.service),
    )


def _incident_content(
    words: str, environment: EnvironmentName, service: ServiceName, release: Release | None
) -> dict[str, Any]:
    content: dict[str, Any] = {
        "description": words[:_LONGEST_DESCRIPTION],
        "environment": {"id": environment},
        "service": {"id": service},
    }
    if release is not None and release.version:
        content["artifactId"] = f"pkg:generic/{quote(service, safe='')}@{quote(release.version, safe='')}"
    return content


def _incident(release: ReleaseId) -> str:
    return derived_id("incident", release)


def _rolled_back_id(command: str) -> str:
    return derived_id("cdevents out", "service.rolledback", command)
