"""What a channel is told of a hold, whatever fails and whoever dies in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.errors import NotAllowedActionError, PermanentActionError, TransientActionError
from schemas.approvals import HoldChange
from schemas.effects import Said
from schemas.judgements import Recovery, RecoveryKind
from schemas.observations import Answer, ReleaseOpened
from schemas.orders import Page
from schemas.replies import Reply
from schemas.topics import Topic
from tests.builders import an_outcome
from tests.streams.held_questions import HELD, NOW, changed
from tests.streams.talking import Fate, Talk
from tests.told_effects import RELEASE as EARLIER
from tests.told_effects import an_effect

RELEASE = replace(EARLIER, started_at=NOW)

ORDER = HELD.command
assert ORDER is not None, "the question has an order"
OUTCOME = an_outcome(ORDER, NOW + timedelta(seconds=20))
RECOVERY = Recovery(
    id="recovery-1",
    command=ORDER.id,
    release=HELD.release,
    environment=HELD.environment,
    service=HELD.service,
    kind=RecoveryKind.RECOVERED,
    at=NOW + timedelta(seconds=90),
    text="errors 1 %, then 9 %, now 1 %",
)
AGREED, GRANTED = changed(HoldChange.AGREED, 1), changed(HoldChange.GRANTED, 2)
EXPIRED, WITHDRAWN = changed(HoldChange.EXPIRED, 1800), changed(HoldChange.WITHDRAWN, 60)
LIFE: list[Said] = [HELD, AGREED, GRANTED, OUTCOME, RECOVERY]
TOLD = [
    ("ask", HELD.id),
    ("change", AGREED.id),
    ("end", "granted"),
    ("done", "undo of cart in prod to template 0a0a0a0a0a done"),
    ("outcome", "o"),
    ("outcome", "or"),
]
DOWN = TransientActionError("503")


def a_page(about: str = HELD.id, number: int = 0, identity: str = "page-1") -> Page:
    """Return a page, some seconds after the question was put."""
    return Page(
        id=identity,
        environment=HELD.environment,
        service=HELD.service,
        release=HELD.release,
        about=about,
        summary="look",
        at=NOW + timedelta(seconds=number),
    )


def test_a_hold_is_asked_and_everything_that_becomes_of_it_is_told_in_order() -> None:
    talk = Talk()
    talk.take(*LIFE)
    assert talk.channel.told == TOLD


def test_a_hold_without_an_order_is_no_question() -> None:
    talk = Talk()
    talk.take(replace(HELD, command=None, asked=None, brief=None))
    assert talk.channel.told == []


def test_effects_that_come_again_are_told_once() -> None:
    talk = Talk()
    talk.take(*LIFE)
    talk.start()
    talk.take(HELD, AGREED, GRANTED, RECOVERY)
    assert talk.channel.told == TOLD


def deaths() -> int:
    """Return how often a life without deaths touches the world."""
    talk = Talk()
    talk.survive([an_effect(said, number, "prod") for number, said in enumerate(LIFE)])
    return talk.fate.count


@pytest.mark.parametrize("dies_at", range(1, deaths() + 1))
def test_killed_at_any_step_it_asks_one_question_and_forgets_nothing(dies_at: int) -> None:
    talk = Talk(Fate(dies_at))
    talk.survive([an_effect(said, number, "prod") for number, said in enumerate(LIFE)])
    assert len(talk.channel.threads) == 1
    assert list(dict.fromkeys(talk.channel.told)) == TOLD
    assert all(talk.channel.told.count(one) <= 2 for one in TOLD), "one death repeats one step"


@given(
    st.lists(st.sampled_from(["kill", "fail", "heal", "turn", "hour"]), max_size=12),
    st.lists(st.integers(0, 12), min_size=5, max_size=5),
)
def test_whatever_fails_and_dies_each_thing_is_told_in_order(events: list[str], places: list[int]) -> None:
    talk = Talk()
    due = sorted(zip(places, range(5), strict=True), key=lambda pair: (pair[0], pair[1]))
    order = iter(LIFE)
    for number, event in enumerate([*events, *[""] * 13]):
        for _ in [pair for pair in due if pair[0] == number]:
            talk.take(next(order))
        match event:
            case "kill":
                talk.start()
            case "fail" | "heal":
                talk.channel.failing = DOWN if event == "fail" else None
            case "turn" | "hour":
                talk.clock.wait(seconds=1 if event == "turn" else 60)
                if talk.channel.failing is None:
                    talk.sink.turn()
    talk.channel.failing = None
    for _ in range(3):
        talk.clock.wait(seconds=61)
        talk.sink.turn()
    told = [one for one in talk.channel.told if one[0] in ("ask", "change", "end", "outcome")]
    wanted = [one for one in TOLD if one[0] in ("ask", "change", "end", "outcome")]
    asked_in_time = ("ask", HELD.id) in told
    if asked_in_time:
        assert [one for one in told if one != ("outcome", "o")] == [
            one for one in wanted if one != ("outcome", "o")
        ]
    else:
        assert told == [], "a question that was over before it could be asked is not asked"


def test_while_the_channel_is_down_what_is_said_is_written_down_and_no_effect_waits() -> None:
    talk = Talk()
    talk.channel.failing = DOWN
    talk.take(HELD, ReleaseOpened(release=RELEASE), a_page("something else"))
    talk.start()
    talk.channel.failing = None
    talk.clock.wait(seconds=29)
    talk.sink.turn()
    assert talk.channel.told == [("ask", HELD.id), ("started", RELEASE.id), ("notify", "page-1")]
    talk.sink.turn()
    assert len(talk.channel.told) == 3


def test_a_turn_on_a_channel_that_is_down_says_so() -> None:
    talk = Talk()
    talk.channel.failing = DOWN
    talk.take(HELD)
    talk.clock.wait(seconds=2)
    with pytest.raises(TransientActionError, match="503"):
        talk.sink.turn()
    # The pause has grown: nothing is tried, and nothing fails.
    talk.clock.wait(seconds=1)
    talk.sink.turn()


def test_a_token_that_is_refused_is_tried_again_as_long_as_the_question_is_open() -> None:
    talk = Talk()
    talk.channel.failing = NotAllowedActionError("401")
    talk.take(HELD)
    talk.channel.failing = None
    talk.clock.wait(seconds=2)
    talk.sink.turn()
    assert talk.channel.told == [("ask", HELD.id)]


def test_a_question_that_can_never_be_asked_is_set_aside_and_its_page_is_sent() -> None:
    talk = Talk()
    talk.channel.refusing["ask"] = PermanentActionError("no channel")
    with pytest.raises(PermanentActionError, match="no channel"):
        talk.take(HELD)
    talk.take(a_page())
    talk.take(GRANTED)
    assert talk.channel.told == [("notify", "page-1")]


def test_a_change_that_cannot_be_told_does_not_stand_before_the_end() -> None:
    talk = Talk()
    talk.take(HELD)
    talk.channel.refusing["change"] = PermanentActionError("gone")
    with pytest.raises(PermanentActionError, match="gone"):
        talk.take(AGREED)
    talk.take(GRANTED)
    assert talk.channel.told == [("ask", HELD.id), ("end", "granted")]


def test_the_page_about_a_question_that_was_asked_is_not_sent_as_well() -> None:
    talk = Talk()
    talk.take(HELD, a_page(), EXPIRED, a_page(number=1800, identity="page-2"))
    assert talk.channel.told == [("ask", HELD.id), ("end", "expired")]


def test_the_page_that_an_answer_came_too_late_is_sent() -> None:
    talk = Talk()
    talk.take(HELD, GRANTED, a_page(number=40))
    assert talk.channel.told[-1] == ("notify", "page-1")


def test_a_hold_that_ended_before_it_could_be_asked_is_never_asked() -> None:
    talk = Talk()
    talk.channel.failing = DOWN
    talk.take(HELD, a_page(), WITHDRAWN)
    talk.channel.failing = None
    talk.clock.wait(seconds=70)
    talk.sink.turn()
    assert talk.channel.told == []
    assert talk.log.conversations == {}


def test_of_a_hold_that_expired_before_it_could_be_asked_people_are_told_afterwards() -> None:
    talk = Talk()
    talk.channel.failing = DOWN
    talk.take(HELD, a_page())
    talk.clock.wait(minutes=31)
    talk.take(EXPIRED, a_page(number=1800, identity="page-2"))
    talk.channel.failing = None
    talk.sink.turn()
    talk.clock.wait(seconds=70)
    talk.sink.turn()
    assert [name for name, _ in talk.channel.told] == ["notify"]


def test_a_notifier_that_is_new_asks_what_is_open_and_not_what_was_answered_long_ago() -> None:
    talk = Talk()
    talk.clock.wait(minutes=5)
    answered = replace(HELD, id="answered")
    talk.ended = {"answered": replace(GRANTED, hold="answered")}
    talk.take(HELD, answered)
    assert talk.channel.told == [("ask", HELD.id)]


def test_a_hold_that_ended_while_nobody_listened_is_closed() -> None:
    talk = Talk()
    talk.take(HELD)
    talk.start()
    talk.clock.wait(hours=3)
    talk.take(GRANTED)
    assert talk.channel.told[-1] == ("end", "granted")


def test_an_end_that_is_too_old_is_not_told_any_more() -> None:
    talk = Talk()
    talk.take(HELD)
    talk.clock.wait(hours=25)
    talk.take(GRANTED)
    assert talk.channel.told == [("ask", HELD.id)]
    talk.clock.wait(days=7)
    talk.sink.turn()
    assert talk.log.conversations == {}


def test_an_open_question_is_looked_at_regularly_and_just_before_its_deadline() -> None:
    talk = Talk()
    talk.take(HELD)
    assert talk.channel.polls == 1
    talk.clock.wait(seconds=29)
    talk.sink.turn()
    assert talk.channel.polls == 1
    talk.clock.wait(seconds=1)
    talk.sink.turn()
    assert talk.channel.polls == 2
    talk.clock.at = NOW + timedelta(minutes=30) - timedelta(seconds=15)
    talk.sink.turn()
    talk.clock.wait(seconds=11)
    talk.sink.turn()
    assert talk.channel.polls == 4, "15 s and 4 s before the deadline"
    talk.clock.wait(minutes=10)
    talk.sink.turn()
    assert talk.channel.polls == 4, "nobody can answer any more"


def test_an_answer_that_stands_there_is_published_once() -> None:
    talk = Talk()
    reply = Reply(channel="pagerduty", source="note-1", thread="Q0", by="PADA", answer=Answer.APPROVE, at=NOW)
    talk.channel.answers = (reply,)
    talk.take(HELD)
    talk.start()
    talk.clock.wait(seconds=31)
    talk.sink.turn()
    assert talk.published == [reply]


def test_an_undo_that_nobody_was_asked_about_stands_in_the_timeline() -> None:
    talk = Talk()
    talk.take(ReleaseOpened(release=RELEASE), OUTCOME, RECOVERY)
    assert talk.channel.told == [("started", RELEASE.id), TOLD[3]]


def test_of_two_questions_about_one_order_the_granted_one_hears_what_came_of_it() -> None:
    talk = Talk()
    again = replace(HELD, id="again", at=NOW + timedelta(seconds=100))
    talk.take(HELD, WITHDRAWN, again, replace(GRANTED, hold="again"), OUTCOME)
    assert talk.channel.told[-1] == ("outcome", "o")
    told = talk.log.conversations["pagerduty", "again"]
    assert told.outcome == OUTCOME.outcome


def test_an_entry_that_cannot_be_read_is_left_alone() -> None:
    talk = Talk()
    talk.take(HELD)
    for key in (b"hold/pagerduty/x", b"nonsense", b"other/pagerduty/x"):
        talk.topics.remove(Topic.CONVERSATIONS, key)
    talk.topics.flush()
    talk.start()
    assert list(talk.log.conversations) == [("pagerduty", HELD.id)]
