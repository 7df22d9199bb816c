"""CDEvents that others read, held against the official schemas."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from schemas.approvals import HoldChange, HoldChanged
from schemas.cdevents import read_deploy
from schemas.cdevents_form import Addresses, Background
from schemas.cdevents_out import outgoing_event, release_of
from schemas.cloudevents import CloudEvent, read_record, write_record
from schemas.effects import Effect, Said
from schemas.judgements import RecoveryKind, VerdictKind
from schemas.keys import derived_id
from schemas.observations import ReleaseOpened
from schemas.orders import OutcomeKind
from tests.builders import START
from tests.told_effects import (
    LOG_LINE,
    RELEASE,
    a_hold,
    a_recovery,
    a_verdict,
    an_effect,
    an_undo,
)

VERDICT = a_verdict().verdict
KNOWN = Background(release=RELEASE, harm=VERDICT.id)
PAGES = Addresses(release="https://suture.example/releases/{release}")
TOLD: list[Said] = [a_verdict(), an_undo(), a_recovery(), a_hold()]


def a_change(change: HoldChange, by: str = "ann via slack") -> HoldChanged:
    return HoldChanged(
        id=derived_id("change", change),
        hold=a_hold().id,
        release=RELEASE.id,
        environment=RELEASE.environment,
        service=RELEASE.service,
        change=change,
        by=by,
        at=START,
        text=f"it is {change}",
    )


CHANGES = [change for change in HoldChange if change is not HoldChange.NOT_COUNTED]


def out(said: Said, background: Background = KNOWN) -> CloudEvent:
    event = outgoing_event(an_effect(said, 7), background, PAGES)
    assert event is not None
    return event


@pytest.fixture(scope="session")
def validator(contracts: Callable[[str], Path]) -> Callable[[dict[str, Any]], None]:
    """Refuses an event that its own type's official schema refuses."""
    found: dict[str, dict[str, Any]] = {}
    resources = []
    for name in ("cdevents", "cdevents/draft-0.6.0"):
        for file in sorted((contracts(name) / "schemas").rglob("*.json")):
            schema = json.loads(file.read_text(encoding="utf-8"))
            resources.append((schema["$id"], Resource.from_contents(schema)))
            if "context" in schema.get("properties", {}):
                (kind,) = schema["properties"]["context"]["properties"]["type"]["enum"]
                found[kind] = schema
    registry = Registry().with_resources(resources)

    def validate(whole: dict[str, Any]) -> None:
        schema = found[whole["context"]["type"]]
        Draft202012Validator(schema, registry=registry, format_checker=FormatChecker()).validate(whole)

    return validate


@pytest.mark.parametrize(
    "said", [*TOLD, *(a_change(change) for change in CHANGES)], ids=lambda said: type(said).__name__
)
@pytest.mark.parametrize("background", [KNOWN, Background()], ids=["known", "forgotten"])
def test_every_event_is_what_the_official_schema_of_its_type_says(
    said: Said, background: Background, validator: Callable[[dict[str, Any]], None]
) -> None:
    event = outgoing_event(an_effect(said, 7), background, PAGES)
    if event is None:
        assert type(said).__name__ == "Recovery"
        return
    validator(event.data)


def test_a_schema_refuses_what_is_no_event_of_its_type(
    validator: Callable[[dict[str, Any]], None],
) -> None:
    whole = out(a_verdict()).data
    del whole["subject"]["content"]["environment"]
    with pytest.raises(Exception, match="environment"):
        validator(whole)


def test_a_harmful_verdict_detects_an_incident_and_the_recovery_resolves_the_same() -> None:
    detected, resolved = out(a_verdict()), out(a_recovery())
    assert detected.type == "dev.cdevents.incident.detected.0.3.0"
    assert resolved.type == "dev.cdevents.incident.resolved.0.3.0"
    assert detected.data["subject"]["id"] == resolved.data["subject"]["id"]
    assert detected.data["subject"]["content"]["artifactId"] == "pkg:generic/cart@1.4.2"


def test_a_confirmed_undo_tells_which_template_runs_again() -> None:
    event = out(an_undo())
    assert event.type == "dev.cdevents.service.rolledback.0.3.0"
    assert event.data["subject"]["content"]["artifactId"] == "pkg:generic/cart?template=0a0a0a0a0a"
    assert event.data["customData"]["suture"]["rolledBackVersion"] == "1.4.2"


def test_events_of_a_release_share_its_chain_and_each_links_to_the_one_before() -> None:
    detected, undone, resolved, asked = (out(said) for said in TOLD)
    assert {event.data["context"]["chainId"] for event in (detected, undone, resolved, asked)} == {"chain-7"}
    deploy = "9b6f1c1e-deploy"
    expected = [("PATH", deploy), ("PATH", detected.id), ("END", undone.id), ("PATH", detected.id)]
    for event, (kind, before) in zip((detected, undone, resolved, asked), expected, strict=True):
        path, relation = event.data["context"]["links"]
        assert path == {"linkType": kind, "from": {"contextId": before}}
        assert relation == {"linkType": "RELATION", "linkKind": "CAUSE", "target": {"contextId": deploy}}


def test_a_release_whose_event_named_no_chain_has_one_of_its_own() -> None:
    bare = replace(RELEASE, chain="")
    known = Background(release=bare, harm=VERDICT.id)
    chains = {
        out(said, known).data["context"]["chainId"]
        for said in (a_verdict(release=bare), an_undo(bare), a_recovery(bare))
    }
    assert len(chains) == 1


@pytest.mark.parametrize(
    "said", [*TOLD, *(a_change(change) for change in CHANGES)], ids=lambda said: type(said).__name__
)
def test_an_event_that_is_sent_again_is_the_same_event(said: Said) -> None:
    assert out(said) == outgoing_event(an_effect(said, 99, partition=3), KNOWN, PAGES)


def test_all_events_of_a_story_have_ids_of_their_own() -> None:
    events = [out(said) for said in (*TOLD, *(a_change(change) for change in CHANGES))]
    assert len({event.id for event in events}) == len(events)


@pytest.mark.parametrize(
    "said",
    [
        ReleaseOpened(release=RELEASE),
        a_verdict(VerdictKind.HEALTHY),
        a_verdict(VerdictKind.INCONCLUSIVE),
        a_verdict(VerdictKind.NODATA),
        an_undo(kind=OutcomeKind.FAILED),
        an_undo(kind=OutcomeKind.HANDED_OVER),
        a_recovery(kind=RecoveryKind.NOT_RECOVERED),
        a_recovery(kind=RecoveryKind.UNKNOWN),
    ],
    ids=lambda said: type(said).__name__,
)
def test_what_is_no_incident_no_rollback_and_no_question_is_told_to_nobody(said: Said) -> None:
    effect: Effect = an_effect(said, 7)
    assert release_of(effect) is None
    assert outgoing_event(effect, KNOWN, PAGES) is None


def test_a_recovery_after_an_action_that_no_verdict_called_for_resolves_no_incident() -> None:
    assert outgoing_event(an_effect(a_recovery(), 7), Background(release=RELEASE), PAGES) is None


def test_a_hold_that_nobody_can_answer_asks_nobody() -> None:
    nothing = replace(a_hold(), command=None)
    assert outgoing_event(an_effect(nothing, 7), KNOWN, PAGES) is None


def test_an_answer_of_somebody_who_was_not_asked_decides_nothing() -> None:
    assert outgoing_event(an_effect(a_change(HoldChange.NOT_COUNTED), 7), KNOWN, PAGES) is None


@pytest.mark.parametrize(
    ("change", "by", "responder", "decision", "status"),
    [
        (HoldChange.GRANTED, "ann via slack", "urn:user:slack:ann", "approved", "approved"),
        (HoldChange.REJECTED, "bo via pagerduty", "urn:user:pagerduty:bo", "rejected", "rejected"),
        (HoldChange.EXPIRED, "policy", "urn:suture:policy", "deferred", "expired"),
        (HoldChange.WITHDRAWN, "policy", "urn:suture:policy", "deferred", "cancelled"),
    ],
)
def test_the_end_of_a_question_says_who_ended_it_and_how(
    change: HoldChange, by: str, responder: str, decision: str, status: str
) -> None:
    event = out(a_change(change, by))
    assert event.type == "dev.suture.approval_closed.v1"
    assert event.data["context"]["type"] == "dev.cdevents.approval.closed.0.1.0"
    page = "https://suture.example/releases/prod-cart-1.4.2-92ab94fd"
    assert event.data["subject"]["content"] == {
        "approvalDetailsUrl": page,
        "resourceTargetUrl": page,
        "responder": responder,
        "decision": decision,
        "status": status,
    }


def test_no_event_repeats_a_line_of_a_log() -> None:
    event = out(a_verdict())
    text = json.dumps(event.data)
    assert LOG_LINE not in text
    assert "Mallory" not in text
    assert "errors 9 % against 1 %" in text


def test_no_event_that_we_publish_begins_a_release_where_somebody_feeds_it_back() -> None:
    for said in (a_verdict(), a_recovery(), a_hold()):
        value, headers = write_record(out(said))
        assert read_deploy(read_record(value, headers)) is None
