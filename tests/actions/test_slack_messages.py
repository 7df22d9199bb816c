"""Slack's messages: however things are called, Slack takes them, and calls nobody who is not meant."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.people.slack_blocks import (
    answered,
    call,
    end_of,
    line,
    news,
    question,
    question_line,
)
from actions.people.slack_text import cut, escaped, mentions, paragraph
from infra.dev.slack_rules import faults_of_call
from schemas.approvals import Asked, Brief, HoldChange, Person
from schemas.keys import EnvironmentName, ServiceName
from schemas.orders import CommandKind, Held
from tests.actions.orders import MINUTE
from tests.actions.slack_stories import (
    BRIEF,
    CHANNEL,
    NASTY,
    PEOPLE,
    a_hold,
    a_page,
    a_recovery,
    an_outcome,
    changed,
    granted,
)

words = st.text(max_size=500) | st.sampled_from([NASTY, "<" * 4000, "&" * 4000, "ü" * 4000, "", " ", "\n"])
# Kinds of orders that name nothing beyond their target.
KINDS = [CommandKind.UNDO, CommandKind.PROMOTE, CommandKind.RESTART, CommandKind.ABORT, CommandKind.RESUME]
lines = st.lists(words, max_size=8).map(tuple)
names = st.text(min_size=1, max_size=200) | st.just(NASTY)


@st.composite
def holds(draw: st.DrawFn) -> Held:
    brief = Brief(
        what=draw(words),
        against=draw(words),
        certainty=draw(words),
        if_nothing=draw(words),
        suspects=draw(lines),
        signals=draw(lines),
    )
    asked = Asked(
        approvers=tuple(draw(st.lists(names, max_size=60))),
        quorum=draw(st.integers(1, 16)),
        escalates_at=draw(st.none() | st.just(a_hold().at)),
        escalates_to=tuple(draw(st.lists(names, max_size=60))),
    )
    held = a_hold(brief=brief, asked=asked, kind=draw(st.sampled_from(KINDS)))
    held = replace(
        held,
        service=ServiceName(draw(names)),
        environment=EnvironmentName(draw(names)),
        reason=draw(words),
        brief=draw(st.sampled_from([held.brief, None])),
    )
    return draw(st.sampled_from([held, replace(held, command=None, expires_at=None)]))


people = st.dictionaries(
    names,
    st.builds(Person, slack=st.sampled_from(["", "U0ADA00001", "<!channel>", "u1"]), groups=lines),
    max_size=8,
)


def accepted(text: str, blocks: list[dict[str, Any]]) -> list[str]:
    arguments = {"channel": CHANNEL, "text": text, "blocks": blocks}
    return faults_of_call("chat.postMessage", "application/json", json.loads(json.dumps(arguments)))


@settings(max_examples=150, deadline=None)
@given(holds(), people, words, st.booleans())
def test_every_question_is_taken_by_slack_and_calls_nobody_else(
    held: Held, known: dict[str, Person], said: str, may_repeat: bool
) -> None:
    change = changed(held, HoldChange.AGREED, said)
    for now in (None, change):
        assert accepted(question_line(held), question(held, known, now, may_repeat=may_repeat)) == []


@settings(max_examples=100, deadline=None)
@given(holds(), people, words, lines)
def test_every_answer_and_all_news_are_taken_by_slack(
    held: Held, known: dict[str, Person], said: str, to: tuple[str, ...]
) -> None:
    end = changed(held, HoldChange.REJECTED, said)
    outcome = an_outcome(a_hold(), said)
    assert accepted(line(end_of(end)), answered(held, end_of(end), None, None)) == []
    assert accepted(line(said), answered(held, said, outcome, a_recovery(a_hold()))) == []
    moved = changed(held, HoldChange.ESCALATED, said, to=to)
    assert accepted(line(said), news(moved, known)) == []
    assert accepted(line(said), call(a_page(summary=said))) == []


@given(st.text(max_size=200), st.integers(2, 100))
def test_escaped_text_fits_and_holds_no_markup(text: str, limit: int) -> None:
    shown = escaped(text, limit)
    assert len(shown) <= limit
    assert "<" not in shown
    assert ">" not in shown


@given(st.text(max_size=200), st.integers(1, 100))
def test_cut_text_fits_and_is_not_empty(text: str, limit: int) -> None:
    assert 0 < len(cut(text, limit)) <= limit


@given(st.text(min_size=1, max_size=50), lines, st.integers(60, 3000))
def test_a_paragraph_fits_and_says_how_many_lines_it_left_out(
    label: str, said: tuple[str, ...], limit: int
) -> None:
    shown = paragraph(label, said, limit)
    assert len(shown) <= limit
    assert "more" in shown or all(f"\n• {one}" in shown for one in said)


@given(st.lists(names, max_size=100), people)
def test_mentions_call_people_by_their_ids_and_fit_into_a_section(
    asked: list[str], known: dict[str, Person]
) -> None:
    shown = mentions(asked, known)
    assert len(shown) <= 2000
    assert "<!" not in shown


def test_a_question_to_hundreds_of_people_is_taken_by_slack() -> None:
    many = {f"person-{number:03}-{'<' * 40}": Person() for number in range(300)}
    held = a_hold(asked=Asked(approvers=tuple(many)))
    assert accepted(question_line(held), question(held, many)) == []
    assert len(question(held, many)[-1]["elements"][2]["options"]) == 100


def test_foreign_text_is_shown_as_it_stands() -> None:
    held = a_hold(brief=replace(BRIEF, suspects=(NASTY,)))
    blocks = question(held, PEOPLE)
    (section,) = [one for one in blocks if NASTY in one.get("text", {}).get("text", "")]
    assert (section["text"]["type"], section["text"]["emoji"]) == ("plain_text", False)
    assert "<!channel>" not in question_line(replace(held, service=ServiceName(NASTY)))


def test_the_button_says_what_it_does() -> None:
    for kind, word, style in [
        (CommandKind.UNDO, "Roll back", "danger"),
        (CommandKind.PROMOTE, "Promote", "primary"),
        (CommandKind.RESUME, "Resume", "primary"),
        (CommandKind.RESTART, "Restart", "danger"),
    ]:
        button = question(a_hold(kind=kind), PEOPLE)[-1]["elements"][0]
        assert (button["text"]["text"], button["style"]) == (word, style)


def test_nobody_is_listed_where_the_policy_names_nobody() -> None:
    assert [one["type"] for one in question(a_hold(), {})[-1]["elements"]] == ["button", "button"]


def test_whom_the_policy_does_not_list_is_asked_in_its_words() -> None:
    asked = question(a_hold(asked=Asked()), PEOPLE)
    assert any("Asked: whom the policy names;" in one.get("text", {}).get("text", "") for one in asked)


def test_who_was_asked_later_stands_in_the_message() -> None:
    held = a_hold(asked=Asked(approvers=("eve",)))
    change = changed(held, HoldChange.HANDED_OVER, "eve via cli asks ada to answer", to=("ada",))
    asked = [one["text"]["text"] for one in question(held, PEOPLE, change) if "text" in one]
    assert any("eve, <@U0ADA00001>" in text for text in asked)


@pytest.mark.parametrize("change", [one for one in HoldChange if one.is_end])
def test_every_end_has_a_word(change: HoldChange) -> None:
    text = end_of(changed(a_hold(), change, "it is over", after=2 * MINUTE))
    assert text.endswith(" at 2026-11-01 03:02:00 UTC: it is over")


def test_an_answered_question_keeps_its_evidence() -> None:
    blocks = answered(a_hold(), end_of(granted(a_hold())), None, None)
    shown = "\n".join(one["text"]["text"] for one in blocks)
    for text in (BRIEF.what, BRIEF.certainty, *BRIEF.signals, *BRIEF.suspects):
        assert text in shown
