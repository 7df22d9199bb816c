from __future__ import annotations

from collections.abc import Iterator

import pytest

from actions.errors import NotAllowedActionError, PermanentActionError, TransientActionError
from actions.people.channel import Channel, Thread
from actions.people.slack import SlackChannel
from actions.people.slack_api import SlackApi
from actions.people.slack_calls import web_client
from infra.dev import slack_server
from infra.dev.slack_server import Refusal, SlackServer
from schemas.approvals import Asked, HoldChange
from tests.actions.orders import MINUTE
from tests.actions.slack_stories import (
    ADA,
    CHANNEL,
    CHANNELS,
    OTHER,
    PEOPLE,
    a_hold,
    a_page,
    a_recovery,
    an_outcome,
    changed,
    granted,
)


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with slack_server.running() as server:
        yield server


def opened(slack: SlackServer, timeout_s: float = 30.0, pauses: list[float] | None = None) -> SlackChannel:
    waited = pauses if pauses is not None else []
    client = web_client(slack.token, slack.url, timeout_s, pause=waited.append)
    return SlackChannel(SlackApi(client), CHANNELS, PEOPLE)


def test_a_hold_becomes_one_message_with_its_brief_and_two_buttons_and_a_list_of_people(
    slack: SlackServer,
) -> None:
    channel: Channel = opened(slack)
    held = a_hold()
    thread = channel.ask(held)
    message = slack.message(thread.id)
    assert thread.id == f"{CHANNEL}/{message.ts}"
    assert thread.url == f"https://suture-test.slack.com/archives/{CHANNEL}/p{message.ts.replace('.', '')}"
    assert held.brief is not None
    for text in (held.brief.what, held.brief.against, held.brief.certainty, held.brief.if_nothing):
        assert text in message.words
    for text in (*held.brief.suspects, *held.brief.signals):
        assert text in message.words
    assert "<@U0ADA00001>, <@U0BOB00001>" in message.words
    assert [one["action_id"] for one in message.elements] == ["approve", "reject", "hand_over:prod"]
    assert [one["value"] for one in message.elements[2]["options"]] == ["ada", "bob", "eve"]
    assert all("confirm" in one for one in message.elements[:2])


def test_a_question_leads_to_more_and_so_does_its_end(slack: SlackServer) -> None:
    api = SlackApi(web_client(slack.token, slack.url))
    channel = SlackChannel(api, CHANNELS, PEOPLE, lambda held: f"https://suture.example/{held.release}")
    held = a_hold()
    thread = channel.ask(held)
    link = f"More: <https://suture.example/{held.release}>"
    assert link in slack.message(thread.id).words
    channel.outcome(thread, held, None, None)
    assert link in slack.message(thread.id).words


def test_an_environment_without_a_channel_of_its_own_asks_in_the_channel_of_all(slack: SlackServer) -> None:
    opened(slack).ask(a_hold("staging"))
    assert len(slack.messages(OTHER)) == 1
    assert slack.messages(CHANNEL) == []


def test_an_environment_without_any_channel_is_refused(slack: SlackServer) -> None:
    client = SlackApi(web_client(slack.token, slack.url))
    with pytest.raises(PermanentActionError, match="no Slack channel for environment staging"):
        SlackChannel(client, {"prod": CHANNEL}, PEOPLE).ask(a_hold("staging"))


def test_a_hold_that_is_asked_again_finds_its_message(slack: SlackServer) -> None:
    first = opened(slack).ask(a_hold())
    slack.say(CHANNEL, "has somebody seen this?")
    assert opened(slack).ask(a_hold()) == first
    assert len(slack.messages(CHANNEL)) == 2


def test_a_message_whose_answer_was_lost_is_found_and_not_posted_again(slack: SlackServer) -> None:
    slack.refuse("chat.postMessage", Refusal(status=0, is_done=True))
    with pytest.raises(TransientActionError, match="cannot be reached"):
        opened(slack).ask(a_hold())
    thread = opened(slack).ask(a_hold())
    assert [one.id for one in slack.messages(CHANNEL)] == [thread.id]


def test_a_message_behind_many_others_is_found(slack: SlackServer) -> None:
    first = opened(slack).ask(a_hold())
    for number in range(450):
        slack.say(CHANNEL, f"chatter {number}")
    assert opened(slack).ask(a_hold()) == first


def test_a_message_of_another_app_with_our_metadata_does_not_pass_for_ours(slack: SlackServer) -> None:
    held = a_hold()
    forged = {"event_type": "suture_hold", "event_payload": {"id": held.id}}
    other = slack.say(CHANNEL, "nothing to see", bot="B0EVIL0001", metadata=forged)
    assert opened(slack).ask(held).id != other.id


def test_where_the_bot_may_not_read_a_question_says_that_it_may_repeat(slack: SlackServer) -> None:
    slack.scopes -= {"channels:history"}
    channel = opened(slack)
    first, second = channel.ask(a_hold()), channel.ask(a_hold())
    assert first != second
    assert "answer either" in slack.message(second.id).words
    values = {one["value"] for thread in (first, second) for one in slack.message(thread.id).elements[:2]}
    assert len(values) == 1


def test_a_change_updates_the_message_and_is_told_once_in_its_thread(slack: SlackServer) -> None:
    channel, held = opened(slack), a_hold(asked=Asked(approvers=("group:sre",), quorum=2))
    thread = channel.ask(held)
    agreed = changed(held, HoldChange.AGREED, "1 of 2 approvals: ada via slack", to=("ada",))
    for one in (channel, opened(slack)):
        one.change(thread, held, agreed)
    assert "1 of 2 approvals: ada via slack" in slack.message(thread.id).words
    assert len(slack.message(thread.id).elements) == 3
    assert [one.text for one in slack.replies(thread.id)] == ["1 of 2 approvals: ada via slack"]


def test_an_escalation_calls_those_who_are_asked_as_well(slack: SlackServer) -> None:
    asked = Asked(approvers=("eve",), escalates_at=a_hold().at + MINUTE, escalates_to=("group:sre",))
    channel, held = opened(slack), a_hold(asked=asked)
    thread = channel.ask(held)
    assert f"<@{ADA}>" not in slack.message(thread.id).words
    escalated = changed(held, HoldChange.ESCALATED, "group:sre may answer as well", to=("group:sre",))
    channel.change(thread, held, escalated)
    assert f"<@{ADA}>" in slack.replies(thread.id)[0].words
    assert f"eve, <@{ADA}>" in slack.message(thread.id).words


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (HoldChange.GRANTED, "Approved"),
        (HoldChange.REJECTED, "Rejected"),
        (HoldChange.EXPIRED, "Expired"),
        (HoldChange.WITHDRAWN, "Withdrawn"),
    ],
)
def test_an_end_takes_the_buttons_away_and_says_who_decided_and_when(
    slack: SlackServer, change: HoldChange, word: str
) -> None:
    channel, held = opened(slack), a_hold()
    thread = channel.ask(held)
    channel.end(thread, held, changed(held, change, "by ada via slack"))
    message = slack.message(thread.id)
    assert message.elements == []
    assert f"{word} at 2026-11-01 03:01:00 UTC: by ada via slack" in message.words
    assert message.words.startswith(f"{word}: Roll back cart in prod")
    with pytest.raises(LookupError):
        slack.press(thread.id, "approve", ADA)


def test_an_outcome_and_a_recovery_are_added_below_the_decision_also_after_a_restart(
    slack: SlackServer,
) -> None:
    channel, held = opened(slack), a_hold()
    thread = channel.ask(held)
    channel.end(thread, held, granted(held))
    channel.outcome(thread, held, an_outcome(held), None)
    opened(slack).outcome(thread, held, an_outcome(held), a_recovery(held))
    words = slack.message(thread.id).words
    assert "Approved at 2026-11-01 03:01:00 UTC: approved by ada via slack: seen it" in words
    assert "Done at 2026-11-01 03:02:00 UTC: template 1b1b1b1b1b -> 0a0a0a0a0a" in words
    assert "Recovered at 2026-11-01 03:05:00 UTC: error_ratio 0.12 -> 0.001" in words
    assert "hunter2" not in str(slack.calls)


def test_an_outcome_whose_decision_cannot_be_read_is_told_without_it(slack: SlackServer) -> None:
    held = a_hold()
    thread = opened(slack).ask(held)
    slack.scopes -= {"channels:history"}
    opened(slack).outcome(thread, held, an_outcome(held), None)
    assert "Done at 2026-11-01 03:02:00 UTC" in slack.message(thread.id).words


def test_a_message_that_is_gone_stops_nothing(slack: SlackServer) -> None:
    channel, held = opened(slack), a_hold()
    thread = channel.ask(held)
    slack.delete(thread.id)
    channel.change(thread, held, changed(held, HoldChange.AGREED, "1 of 2 approvals", to=("ada",)))
    channel.end(thread, held, granted(held))
    channel.outcome(thread, held, an_outcome(held), a_recovery(held))
    assert slack.messages(CHANNEL) == []


def test_a_page_is_one_message_without_buttons(slack: SlackServer) -> None:
    for _ in range(2):
        opened(slack).notify(a_page())
    (message,) = slack.messages(CHANNEL)
    assert message.elements == []
    assert "cart is silent" in message.words


def test_a_page_of_an_environment_without_a_channel_is_left_alone(slack: SlackServer) -> None:
    SlackChannel(SlackApi(web_client(slack.token, slack.url)), {"dev": CHANNEL}, PEOPLE).notify(a_page())
    assert slack.calls == []


def test_nothing_is_polled(slack: SlackServer) -> None:
    assert opened(slack).poll(Thread(id="C1/1.2"), a_hold()) == ()
    assert slack.calls == []


def test_a_short_pause_that_slack_asks_for_is_kept_twice(slack: SlackServer) -> None:
    pauses: list[float] = []
    slack.rate_limit("chat.postMessage", 1, times=2)
    opened(slack, pauses=pauses).ask(a_hold())
    assert pauses == [1.0, 1.0]
    assert len(slack.messages(CHANNEL)) == 1


def test_a_third_refusal_for_the_rate_is_handed_on(slack: SlackServer) -> None:
    slack.rate_limit("chat.postMessage", 1, times=3)
    with pytest.raises(TransientActionError, match="429 ratelimited") as raised:
        opened(slack).ask(a_hold())
    assert raised.value.retry_after_s == 1.0


def test_a_long_pause_is_not_waited_for_but_handed_on(slack: SlackServer) -> None:
    pauses: list[float] = []
    slack.rate_limit("chat.postMessage", 60)
    with pytest.raises(TransientActionError) as raised:
        opened(slack, pauses=pauses).ask(a_hold())
    assert (raised.value.retry_after_s, pauses) == (60.0, [])


def test_a_slack_that_is_down_is_a_reason_to_try_again_at_once_and_nothing_is_asked_twice(
    slack: SlackServer,
) -> None:
    slack.is_down = True
    with pytest.raises(TransientActionError, match="cannot be reached"):
        opened(slack).ask(a_hold())
    slack.is_down = False
    opened(slack).ask(a_hold())
    assert len(slack.messages(CHANNEL)) == 1


def test_a_slack_that_answers_too_late_is_given_up(slack: SlackServer) -> None:
    slack.delay_s = 60.0
    with pytest.raises(TransientActionError, match="cannot be reached"):
        opened(slack, timeout_s=0.2).ask(a_hold())


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_failing_server_is_a_reason_to_try_again(slack: SlackServer, status: int) -> None:
    slack.refuse("auth.test", Refusal(status=status, body=b"<html>sorry</html>"))
    with pytest.raises(TransientActionError, match=f"auth.test: {status} "):
        opened(slack).ask(a_hold())


def test_a_failing_servers_error_is_not_taken_for_slacks_word(slack: SlackServer) -> None:
    slack.refuse("chat.postMessage", Refusal(status=503, error="channel_not_found"))
    with pytest.raises(TransientActionError, match="503 channel_not_found"):
        opened(slack).ask(a_hold())


@pytest.mark.parametrize("body", [b"", b"[]", b"3", b'"ok"', b"\xff\xfe", b"{", b"<html></html>", b"{}"])
def test_an_answer_that_is_none_of_slacks_is_a_reason_to_try_again(slack: SlackServer, body: bytes) -> None:
    slack.refuse("auth.test", Refusal(body=body))
    with pytest.raises(TransientActionError, match=r"none of Slack's|no object"):
        opened(slack).ask(a_hold())


@pytest.mark.parametrize("error", ["internal_error", "fatal_error", "request_timeout", "ratelimited"])
def test_an_error_that_passes_is_a_reason_to_try_again(slack: SlackServer, error: str) -> None:
    slack.refuse("chat.postMessage", Refusal(error=error))
    with pytest.raises(TransientActionError, match=error):
        opened(slack).ask(a_hold())


@pytest.mark.parametrize(
    "error", ["channel_not_found", "not_in_channel", "is_archived", "invalid_blocks", "msg_too_long"]
)
def test_an_error_that_stays_is_final(slack: SlackServer, error: str) -> None:
    slack.refuse("chat.postMessage", Refusal(error=error))
    with pytest.raises(PermanentActionError, match=f"chat.postMessage to {CHANNEL}: {error}"):
        opened(slack).ask(a_hold())


@pytest.mark.parametrize("error", ["invalid_auth", "token_revoked", "missing_scope", "account_inactive"])
def test_a_right_that_is_missing_is_said_to_be_that(slack: SlackServer, error: str) -> None:
    slack.refuse("chat.postMessage", Refusal(error=error))
    with pytest.raises(NotAllowedActionError, match=error):
        opened(slack).ask(a_hold())


def test_a_wrong_token_is_refused_and_not_repeated(slack: SlackServer) -> None:
    client = web_client("xoxb-wrong", slack.url)
    with pytest.raises(NotAllowedActionError, match="invalid_auth") as raised:
        SlackChannel(SlackApi(client), CHANNELS, PEOPLE).ask(a_hold())
    assert "xoxb" not in str(raised.value)


def test_a_private_channel_needs_its_own_right(slack: SlackServer) -> None:
    slack.rooms[CHANNEL].is_private = True
    slack.scopes -= {"groups:history"}
    assert "answer either" in slack.message(opened(slack).ask(a_hold()).id).words
