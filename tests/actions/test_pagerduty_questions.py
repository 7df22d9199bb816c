"""Questions in PagerDuty: asked once, told what became of them, answered by people alone.

Every request that is made here was held against PagerDuty's own OpenAPI documents.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions.errors import PermanentActionError, TransientActionError
from actions.people.channel import Thread
from actions.people.pagerduty import PagerDutyChannel
from infra.dev.pagerduty_server import Fault, Incident, PagerDuty
from schemas.approvals import Asked, Brief, HoldChange, HoldChanged, hold_code
from schemas.judgements import RecoveryKind
from schemas.keys import CommandId
from schemas.observations import Answer
from schemas.orders import CommandKind, Held, OutcomeKind
from tests.actions.orders import MINUTE, NOW
from tests.actions.pagerduty_site import ADA, BOB, Pauses, a_channel, pagerduty
from tests.actions.slack_stories import a_hold, a_recovery, an_outcome, changed

__all__ = ["pagerduty"]

FIELD = "rollback_decision"


def asked(server: PagerDuty, held: Held | None = None) -> tuple[PagerDutyChannel, Held, Thread, Incident]:
    channel, held = a_channel(server), held or a_hold()
    thread = channel.ask(held)
    return channel, held, thread, server.account.incidents[thread.id]


def notes(incident: Incident) -> list[str]:
    return [note["content"] for note in incident.notes]


def sent(server: PagerDuty, method: str, end: str) -> list[Any]:
    return [body for how, path, body in server.requests if how == method and path.endswith(end)]


def answers(channel: PagerDutyChannel, thread: Thread, held: Held) -> list[tuple[str, Answer]]:
    return [(reply.by, reply.answer) for reply in channel.poll(thread, held)]


def test_a_hold_becomes_one_incident_with_all_that_a_human_needs(pagerduty: PagerDuty) -> None:
    _, held, thread, incident = asked(pagerduty, a_hold(asked=Asked(approvers=("group:sre",), quorum=2)))
    assert held.command is not None
    assert held.brief is not None
    code = hold_code(held.id)
    assert thread == Thread(id=incident.id, url=f"https://shop.pagerduty.com/incidents/{incident.id}")
    assert incident.key == held.command.id
    assert incident.values == {FIELD: "pending"}
    for part in (
        held.brief.what,
        held.brief.against,
        held.brief.certainty,
        held.brief.if_nothing,
        *held.brief.suspects,
        *held.brief.signals,
        "2026-11-01 03:30:00 UTC",
        f"https://suture.example/holds/{held.id}",
        "group:sre",
        "Approvals needed: 2",
        f"approve {code}",
        f"reject {code}",
        f"hand over {code} NAME",
        f"set {FIELD} to approve or reject",
    ):
        assert part in incident.details
    (note,) = notes(incident)
    assert f"approve {code}" in note


def test_a_question_asked_twice_is_one_incident_and_one_note(pagerduty: PagerDuty) -> None:
    channel, held, thread, incident = asked(pagerduty)
    pagerduty.sets_field(thread.id, ADA, "approve")
    assert channel.ask(held) == thread
    assert a_channel(pagerduty).ask(held) == thread
    assert len(pagerduty.account.incidents) == 1
    assert len(notes(incident)) == 1
    # Asking again does not wipe out what was answered in between.
    assert incident.values == {FIELD: "approve"}


@pytest.mark.parametrize("end", ["/incidents", "/notes", "/values"])
def test_a_question_whose_answer_was_lost_on_the_way_is_still_one(pagerduty: PagerDuty, end: str) -> None:
    channel, held = a_channel(pagerduty), a_hold()
    pagerduty.faults = [
        Fault(status=0, path=f"{end}$", method=method, is_done=True) for method in ("POST", "PUT")
    ]
    for _ in range(3):
        try:
            thread = channel.ask(held)
            break
        except TransientActionError:
            continue
    incident = pagerduty.account.incidents[thread.id]
    assert len(pagerduty.account.incidents) == 1
    assert len(notes(incident)) == 1
    assert incident.values == {FIELD: "pending"}


def test_a_key_that_is_taken_leads_to_the_open_incident_and_never_to_a_resolved_one(
    pagerduty: PagerDuty,
) -> None:
    channel, held, first, _ = asked(pagerduty)
    pagerduty.account.resolves(first.id, ADA)
    second = channel.ask(held)
    assert second != first
    assert channel.ask(held) == second


def test_a_refusal_that_is_no_taken_key_is_told_as_it_is(pagerduty: PagerDuty) -> None:
    pagerduty.faults = [Fault(status=400, path="/incidents$", method="POST")]
    with pytest.raises(PermanentActionError, match="400 to POST /incidents"):
        a_channel(pagerduty).ask(a_hold())
    assert pagerduty.account.incidents == {}


def test_a_later_hold_of_the_same_command_asks_anew_on_the_open_incident(pagerduty: PagerDuty) -> None:
    channel, held, thread, incident = asked(pagerduty)
    channel.end(thread, held, changed(held, HoldChange.EXPIRED, "nobody answered by 03:30"))
    later = replace(a_hold(name="h2"), at=NOW + 40 * MINUTE)
    assert channel.ask(later) == thread
    assert incident.values == {FIELD: "pending"}
    assert hold_code(later.id) in notes(incident)[-1]


def test_the_field_answers_for_the_person_who_set_it(pagerduty: PagerDuty) -> None:
    channel, held, thread, _ = asked(pagerduty)
    assert answers(channel, thread, held) == []
    pagerduty.sets_field(thread.id, ADA, "approve")
    (reply,) = channel.poll(thread, held)
    assert (reply.channel, reply.by, reply.answer) == ("pagerduty", ADA, Answer.APPROVE)
    assert (reply.thread, reply.hold, reply.environment) == (thread.id, held.id, "prod")
    assert reply.at == NOW + MINUTE
    # The same entry is the same answer, whenever it is found.
    assert channel.poll(thread, held) == (reply,)


def test_the_last_choice_of_each_person_counts_and_a_choice_taken_back_is_none(pagerduty: PagerDuty) -> None:
    channel, held, thread, _ = asked(pagerduty)
    pagerduty.sets_field(thread.id, ADA, "approve")
    pagerduty.sets_field(thread.id, ADA, "reject")
    assert answers(channel, thread, held) == [(ADA, Answer.REJECT)]
    pagerduty.sets_field(thread.id, BOB, "approve")
    assert answers(channel, thread, held) == [(ADA, Answer.REJECT), (BOB, Answer.APPROVE)]
    pagerduty.sets_field(thread.id, ADA, "pending")
    assert answers(channel, thread, held) == [(BOB, Answer.APPROVE)]


def test_what_an_automation_sets_is_no_answer(pagerduty: PagerDuty) -> None:
    channel, held, thread, _ = asked(pagerduty)
    pagerduty.sets_field(thread.id, None, "approve")
    assert answers(channel, thread, held) == []


def test_another_field_that_somebody_sets_is_no_answer(pagerduty: PagerDuty) -> None:
    pagerduty.account.fields["region"] = None
    channel, held, thread, _ = asked(pagerduty)
    pagerduty.sets_field(thread.id, ADA, "approve")
    pagerduty.account.sets_field(thread.id, BOB, "approve", "region")
    assert answers(channel, thread, held) == [(ADA, Answer.APPROVE)]


@pytest.mark.parametrize("is_structured", [True, False])
def test_a_change_is_read_in_either_form_of_the_log(pagerduty: PagerDuty, is_structured: bool) -> None:
    channel, held, thread, incident = asked(pagerduty)
    pagerduty.sets_field(thread.id, ADA, "reject")
    entry = incident.entries[-1]
    if is_structured:
        del entry["changeset"]
    else:
        entry["channel"] = {"type": "website"}
    assert answers(channel, thread, held) == [(ADA, Answer.REJECT)]


def test_a_change_that_says_nothing_readable_is_believed_when_it_is_the_only_one(
    pagerduty: PagerDuty,
) -> None:
    channel, held, thread, incident = asked(pagerduty)
    # The field was set by us first, and that entry is not readable either.
    incident.entries = [one for one in incident.entries if "custom_field" not in one["type"]]
    pagerduty.sets_field(thread.id, ADA, "approve")
    incident.entries[-1] = {**incident.entries[-1], "changeset": [], "channel": {"type": "website"}}
    assert answers(channel, thread, held) == [(ADA, Answer.APPROVE)]
    pagerduty.sets_field(thread.id, BOB, "reject")
    incident.entries[-1] = {**incident.entries[-1], "changeset": [], "channel": {"type": "website"}}
    assert answers(channel, thread, held) == []


def test_what_was_set_before_the_question_is_no_answer_to_it(pagerduty: PagerDuty) -> None:
    channel, held, thread, _ = asked(pagerduty)
    pagerduty.sets_field(thread.id, ADA, "approve")
    pagerduty.writes_note(thread.id, ADA, f"approve {hold_code(held.id)}")
    assert len(answers(channel, thread, replace(held, at=NOW + MINUTE))) == 2
    assert answers(channel, thread, replace(held, at=NOW + MINUTE + timedelta(seconds=1))) == []


def test_a_note_answers_for_its_author_with_the_code_alone(pagerduty: PagerDuty) -> None:
    channel, held, thread, _ = asked(pagerduty)
    code = hold_code(held.id)
    for text in (f"approve {hold_code('another')}", f"should we approve {code}?", "approve", "lgtm"):
        pagerduty.writes_note(thread.id, BOB, text)
    assert answers(channel, thread, held) == []
    pagerduty.writes_note(thread.id, ADA, f" Hand over {code.upper()} bob: knows the till ")
    (reply,) = channel.poll(thread, held)
    assert (reply.by, reply.answer, reply.to, reply.why) == (ADA, Answer.HAND_OVER, "bob", "knows the till")
    assert reply.code == code


def test_a_note_of_an_integration_is_no_answer(pagerduty: PagerDuty) -> None:
    channel, held, thread, incident = asked(pagerduty)
    pagerduty.writes_note(thread.id, ADA, f"approve {hold_code(held.id)}")
    incident.notes[-1]["user"]["type"] = "bot_user_reference"
    assert answers(channel, thread, held) == []


def test_nothing_that_we_write_ourselves_is_an_answer(pagerduty: PagerDuty) -> None:
    channel, held, thread, _ = asked(pagerduty)
    for kind in HoldChange:
        channel.change(thread, held, changed(held, kind, f"approve {hold_code(held.id)}"))
    channel.end(thread, held, changed(held, HoldChange.GRANTED, "approve"))
    channel.outcome(thread, held, an_outcome(held, "reject"), a_recovery(held))
    assert answers(channel, thread, held) == []


def test_more_entries_than_fit_one_page_hide_no_answer(pagerduty: PagerDuty) -> None:
    channel, held, thread, incident = asked(pagerduty)
    pagerduty.sets_field(thread.id, ADA, "approve")
    for number in range(230):
        pagerduty.account.writes_note(thread.id, BOB, f"talk {number}")
    assert answers(channel, thread, held) == [(ADA, Answer.APPROVE)]
    assert len(sent(pagerduty, "GET", "/log_entries")) == 3
    assert len(incident.entries) > 200


def test_acknowledging_and_resolving_are_no_answers(pagerduty: PagerDuty) -> None:
    channel, held, thread, _ = asked(pagerduty)
    pagerduty.account.resolves(thread.id, ADA)
    assert answers(channel, thread, held) == []


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        (HoldChange.REJECTED, "resolved", "rejected, nothing is done"),
        (HoldChange.WITHDRAWN, "resolved", "no longer asked"),
        (HoldChange.GRANTED, "triggered", "granted, it is being done"),
        (HoldChange.EXPIRED, "triggered", "nobody answered in time"),
    ],
)
def test_an_end_takes_the_field_away_and_resolves_what_needs_nobody(
    pagerduty: PagerDuty, kind: HoldChange, status: str, words: str
) -> None:
    channel, held, thread, incident = asked(pagerduty)
    end = changed(held, kind, "why it ended: the dashboards")
    for _ in range(2):
        channel.end(thread, held, end)
    assert incident.values == {FIELD: kind.value}
    assert incident.status == status
    assert len(notes(incident)) == 2
    assert words in notes(incident)[-1]
    assert "why it ended: the dashboards" in notes(incident)[-1]
    assert incident.title.startswith("Nobody answered") == (kind is HoldChange.EXPIRED)
    assert incident.resolution == ("why it ended: the dashboards" if status == "resolved" else "")


def test_an_incident_that_a_human_resolved_meanwhile_is_no_failure(pagerduty: PagerDuty) -> None:
    channel, held, thread, incident = asked(pagerduty)
    pagerduty.account.resolves(thread.id, BOB)
    channel.end(thread, held, changed(held, HoldChange.REJECTED, "rejected by ada"))
    assert incident.status == "resolved"


def test_a_refused_resolution_of_an_open_incident_is_a_failure(pagerduty: PagerDuty) -> None:
    channel, held, thread, _ = asked(pagerduty)
    pagerduty.faults = [Fault(status=400, method="PUT", path=f"/incidents/{thread.id}$")]
    with pytest.raises(PermanentActionError):
        channel.end(thread, held, changed(held, HoldChange.REJECTED, "rejected by ada"))


@pytest.mark.parametrize("kind", [HoldChange.AGREED, HoldChange.NOT_COUNTED])
def test_an_answer_that_ends_nothing_frees_the_field_for_the_next(
    pagerduty: PagerDuty, kind: HoldChange
) -> None:
    channel, held, thread, incident = asked(pagerduty)
    pagerduty.sets_field(thread.id, ADA, "approve")
    change = changed(held, kind, "1 of 2 approvals: ada", to=("ada",))
    channel.change(thread, held, change)
    assert incident.values == {FIELD: "pending"}
    pagerduty.sets_field(thread.id, BOB, "approve")
    # Told again, it leaves the second answer alone, and both are found.
    channel.change(thread, held, change)
    assert incident.values == {FIELD: "approve"}
    assert len(notes(incident)) == 2
    assert answers(channel, thread, held) == [(ADA, Answer.APPROVE), (BOB, Answer.APPROVE)]


def test_an_escalation_calls_the_level_that_is_set_and_else_leaves_a_note(pagerduty: PagerDuty) -> None:
    channel, held, thread, incident = asked(pagerduty)
    escalated = changed(held, HoldChange.ESCALATED, "waits since 03:00", "policy", ("group:leads",))
    a_channel(pagerduty, escalation_level=2).change(thread, held, escalated)
    assert incident.escalation_level == 2
    assert "group:leads" in notes(incident)[-1]
    other = changed(held, HoldChange.ESCALATED, "waits since 03:00", "policy", ("eve",))
    incident.escalation_level = 1
    channel.change(thread, held, other)
    assert incident.escalation_level == 1
    assert "eve" in notes(incident)[-1]


def test_who_is_asked_in_ones_place_is_called_where_pagerduty_knows_them(pagerduty: PagerDuty) -> None:
    channel, held, thread, incident = asked(pagerduty)
    for to, assignees in (
        ("bob", (BOB,)),
        ("eve", (BOB,)),
        ("old", (BOB,)),
        ("who", (BOB,)),
        ("ada", (ADA,)),
    ):
        channel.change(thread, held, changed(held, HoldChange.HANDED_OVER, f"ada asks {to}", to=(to,)))
        assert incident.assignees == assignees
        assert f"Concerns: {to}" in notes(incident)[-1]
    # What people chose stays: a hand-over ends nothing and counts for nothing.
    assert incident.values == {FIELD: "pending"}


def test_an_incident_has_the_type_that_has_the_field(pagerduty: PagerDuty) -> None:
    channel = a_channel(pagerduty, incident_type="release_question")
    channel.ask(a_hold())
    assert pagerduty.incident.kind == "release_question"


@pytest.mark.parametrize(
    ("outcome", "kind", "recovery", "status"),
    [
        (OutcomeKind.DONE, CommandKind.UNDO, None, "triggered"),
        (OutcomeKind.DONE, CommandKind.UNDO, RecoveryKind.RECOVERED, "resolved"),
        (OutcomeKind.ALREADY_DONE, CommandKind.UNDO, RecoveryKind.RECOVERED, "resolved"),
        (OutcomeKind.DONE, CommandKind.UNDO, RecoveryKind.NOT_RECOVERED, "triggered"),
        (OutcomeKind.DONE, CommandKind.UNDO, RecoveryKind.UNKNOWN, "triggered"),
        (OutcomeKind.DONE, CommandKind.PROMOTE, None, "resolved"),
        (OutcomeKind.REHEARSED, CommandKind.UNDO, None, "resolved"),
        (OutcomeKind.FAILED, CommandKind.UNDO, None, "triggered"),
        (OutcomeKind.REFUSED, CommandKind.PROMOTE, None, "triggered"),
        (OutcomeKind.HANDED_OVER, CommandKind.UNDO, None, "triggered"),
    ],
)
def test_an_incident_is_resolved_when_it_worked_and_helped(
    pagerduty: PagerDuty,
    outcome: OutcomeKind,
    kind: CommandKind,
    recovery: RecoveryKind | None,
    status: str,
) -> None:
    channel, held, thread, incident = asked(pagerduty)
    happened = replace(an_outcome(held), kind=outcome, command_kind=kind)
    fared = None if recovery is None else replace(a_recovery(held), kind=recovery)
    channel.outcome(thread, held, happened, None)
    for _ in range(2):
        channel.outcome(thread, held, happened, fared)
    assert incident.status == status
    assert len(notes(incident)) == (2 if fared is None else 3)
    assert "password=hunter2" not in "".join(notes(incident))


def test_without_the_custom_field_notes_alone_answer(pagerduty: PagerDuty) -> None:
    pagerduty.account.fields.clear()
    channel, held, thread, incident = asked(pagerduty)
    pagerduty.writes_note(thread.id, ADA, f"reject {hold_code(held.id)}")
    assert answers(channel, thread, held) == [(ADA, Answer.REJECT)]
    channel.end(thread, held, changed(held, HoldChange.REJECTED, "rejected by ada"))
    assert incident.status == "resolved"


def test_where_no_field_is_wanted_none_is_asked_for(pagerduty: PagerDuty) -> None:
    channel, held = a_channel(pagerduty, decision_field=""), a_hold()
    thread = channel.ask(held)
    channel.poll(thread, held)
    assert [
        path for _, path, _ in pagerduty.requests if "custom_fields" in path or "log_entries" in path
    ] == []
    assert "set " not in pagerduty.incident.details.partition("To answer,")[2].partition("\n")[0]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.one_of(st.text(max_size=400), st.text(min_size=1, max_size=40).map(lambda part: part * 300)),
    number=st.integers(0, 2**64),
)
def test_whatever_others_wrote_is_told_as_plain_text_that_pagerduty_takes(
    pagerduty: PagerDuty, text: str, number: int
) -> None:
    lines = (text,) * 5
    brief = Brief(what=text, against=text, certainty=text, if_nothing=text, suspects=lines, signals=lines)
    held = a_hold(brief=brief, name=f"h{number}")
    assert held.command is not None
    held = replace(held, reason=text, command=replace(held.command, id=CommandId(f"c{number}")))
    channel, held, thread, incident = asked(pagerduty, held)
    change: HoldChanged = changed(held, HoldChange.REJECTED, text, to=(text,))
    channel.end(thread, held, change)
    channel.outcome(thread, held, an_outcome(held, text), replace(a_recovery(held), text=text))
    assert len(incident.details) <= 12_000
    assert f"approve {hold_code(held.id)}" in incident.details
    assert len(incident.title) <= 250
    assert all(len(note) <= 1800 for note in notes(incident))
    assert len(notes(incident)) == 4
    assert all(
        letter.isprintable() or letter == "\n" for letter in incident.details + "".join(notes(incident))
    )
    assert answers(channel, thread, held) == []


def test_waiting_is_bounded_while_pagerduty_is_down(pagerduty: PagerDuty) -> None:
    pagerduty.is_down = True
    pauses = Pauses()
    with pytest.raises(TransientActionError, match="did not answer POST /incidents"):
        a_channel(pagerduty, pauses).ask(a_hold())
    assert sum(pauses.seconds) <= 2.0
