"""Socket Mode over real sockets: what people click arrives, whatever becomes of the connection."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.web import SlackResponse

from actions.errors import NotAllowedActionError, PermanentActionError, TransientActionError
from actions.people.slack import SlackChannel
from actions.people.slack_api import SlackApi
from actions.people.slack_calls import SocketAddresses, web_client
from actions.people.slack_socket import SlackSocket
from infra.dev import slack_server
from infra.dev.slack_server import Refusal, SlackServer
from schemas.observations import Answer
from schemas.replies import Reply
from tests.actions.slack_stories import ADA, BOB, CHANNELS, PEOPLE, a_hold

SOCKET_MODE = Path(__file__).parents[3] / "shared/contracts/slack/socket-mode"


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with slack_server.running() as server:
        yield server


class Kept:
    """What was taken; refuses to take while told to."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.is_full = False

    def take(self, reply: Reply) -> None:
        if self.is_full:
            raise TransientActionError("Kafka is away")
        self.replies.append(reply)


def a_socket(slack: SlackServer, kept: Kept, teams: tuple[str, ...] = ()) -> SlackSocket:
    return SlackSocket(SocketAddresses(web_client("", slack.url), slack.app_token), kept.take, teams)


@contextmanager
def listening(slack: SlackServer, kept: Kept, teams: tuple[str, ...] = ()) -> Iterator[SlackSocket]:
    socket, stop = a_socket(slack, kept, teams), Event()
    thread = Thread(target=socket.run, args=(stop,))
    thread.start()
    try:
        yield socket
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def asked(slack: SlackServer) -> str:
    api = SlackApi(web_client(slack.token, slack.url))
    return SlackChannel(api, CHANNELS, PEOPLE).ask(a_hold()).id


def test_a_click_arrives_and_is_acknowledged(slack: SlackServer) -> None:
    thread, kept = asked(slack), Kept()
    with listening(slack, kept) as socket:
        assert slack.click(thread, "approve", ADA) == [200]
        assert socket.is_connected
    (reply,) = kept.replies
    assert (reply.by, reply.answer, reply.thread, reply.hold) == (ADA, Answer.APPROVE, thread, a_hold().id)
    assert not socket.is_connected


def test_a_name_that_is_chosen_arrives(slack: SlackServer) -> None:
    thread, kept = asked(slack), Kept()
    with listening(slack, kept):
        assert slack.choose(thread, "bob", ADA) == 200
    assert [(one.answer, one.to) for one in kept.replies] == [(Answer.HAND_OVER, "bob")]


def test_a_click_that_cannot_be_kept_is_not_acknowledged(slack: SlackServer) -> None:
    thread, kept = asked(slack), Kept()
    kept.is_full = True
    with listening(slack, kept):
        slack.socket.send_soon("interactive", slack.press(thread, "approve", ADA))
        kept_later = slack.press(thread, "reject", BOB)
        slack.socket.wait_for(lambda: len(slack.socket.sent) == 1)
        # The connection takes one after the other: when the next is acknowledged the first has been refused.
        assert slack.socket.send("events_api", {"event": {}})
        assert slack.socket.acknowledged == [slack.socket.sent[1]]
        kept.is_full = False
        assert slack.deliver(kept_later) == 200
    assert [one.answer for one in kept.replies] == [Answer.REJECT]


def test_a_click_delivered_twice_carries_one_source(slack: SlackServer) -> None:
    thread, kept = asked(slack), Kept()
    with listening(slack, kept):
        click = slack.press(thread, "approve", ADA)
        assert [slack.deliver(click), slack.deliver(click)] == [200, 200]
    assert len(kept.replies) == 2
    assert kept.replies[0] == kept.replies[1]


def test_a_user_of_another_workspace_is_acknowledged_and_not_heard(slack: SlackServer) -> None:
    thread, kept = asked(slack), Kept()
    with listening(slack, kept, (slack.team,)):
        assert slack.click(thread, "approve", ADA, team="T0OTHER001") == [200]
        assert slack.click(thread, "approve", ADA) == [200]
    assert len(kept.replies) == 1


def test_a_connection_that_is_refreshed_is_replaced_and_hears_on(slack: SlackServer) -> None:
    thread, kept = asked(slack), Kept()
    with listening(slack, kept):
        for count in (1, 2, 3):
            slack.socket.wait_opened(count)
            assert slack.click(thread, "approve", ADA) == [200]
            slack.socket.disconnect("refresh_requested")
        slack.socket.wait_opened(4)
    assert len(kept.replies) == 3


def test_a_click_that_comes_after_the_call_to_leave_is_not_lost(slack: SlackServer) -> None:
    thread, kept = asked(slack), Kept()
    with listening(slack, kept):
        slack.socket.wait_opened(1)
        slack.socket.disconnect("warning")
        slack.socket.send_soon("interactive", slack.press(thread, "approve", ADA))
        slack.socket.wait_for(lambda: len(slack.socket.acknowledged) == 1)
    assert len(kept.replies) == 1


def test_a_connection_that_breaks_is_opened_again(slack: SlackServer) -> None:
    thread, kept = asked(slack), Kept()
    with listening(slack, kept):
        slack.socket.wait_opened(1)
        slack.socket.drop()
        slack.socket.wait_opened(2)
        assert slack.click(thread, "approve", ADA) == [200]
    assert len(kept.replies) == 1


class Impatient(Event):
    """Waits for nothing, and remembers for how long it was to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        return self.is_set()


@pytest.mark.parametrize(
    ("reason", "pauses"),
    [("refresh_requested", []), ("warning", []), ("too_many_websockets", [30.0]), ("news to us", [30.0])],
)
def test_only_a_refresh_is_followed_by_a_new_connection_at_once(
    slack: SlackServer, reason: str, pauses: list[float]
) -> None:
    socket, stop = a_socket(slack, Kept()), Impatient()
    thread = Thread(target=socket.run, args=(stop,))
    thread.start()
    slack.socket.wait_opened(1)
    slack.socket.disconnect(reason)
    slack.socket.wait_opened(2)
    stop.set()
    thread.join(30)
    assert stop.waits[: len(pauses)] == pauses
    assert len(stop.waits) == len(pauses)


def test_failures_in_a_row_are_followed_by_longer_and_longer_pauses(slack: SlackServer) -> None:
    slack.refuse("apps.connections.open", *[Refusal(status=503, body=b"sorry")] * 7)
    socket, stop = a_socket(slack, Kept()), Impatient()
    thread = Thread(target=socket.run, args=(stop,))
    thread.start()
    slack.socket.wait_opened(1)
    stop.set()
    thread.join(30)
    assert stop.waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_a_slack_that_is_down_is_tried_until_it_is_back(slack: SlackServer) -> None:
    thread, kept = asked(slack), Kept()
    slack.refuse("apps.connections.open", Refusal(status=0), Refusal(status=503, body=b"sorry"))
    with listening(slack, kept):
        assert slack.click(thread, "approve", ADA) == [200]
    assert len(slack.called("apps.connections.open")) == 3


@pytest.mark.parametrize(
    "file", ["events_api.app_mention.json", "events_api.message.json", "interactive.shortcut.json"]
)
def test_what_is_no_answer_is_acknowledged_and_left_alone(slack: SlackServer, file: str) -> None:
    if not SOCKET_MODE.is_dir():
        pytest.skip("contracts/slack is absent: it is kept beside the repository")
    envelope: dict[str, Any] = json.loads((SOCKET_MODE / file).read_text())
    kept = Kept()
    with listening(slack, kept):
        assert slack.socket.send(envelope["type"], envelope["payload"])
    assert kept.replies == []


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '{"type": 3}', '{"type": "hello!"}', "\ud83d"])
def test_a_message_that_is_not_understood_stops_nothing(slack: SlackServer, text: str) -> None:
    thread, kept = asked(slack), Kept()
    with listening(slack, kept):
        slack.socket.wait_opened(1)
        slack.socket.send_text(text.encode("utf-8", "replace").decode())
        assert slack.click(thread, "approve", ADA) == [200]
    assert len(kept.replies) == 1


def test_a_token_without_the_right_ends_it_with_a_reason(slack: SlackServer) -> None:
    slack.scopes -= {"connections:write"}
    with pytest.raises(NotAllowedActionError, match="missing_scope"):
        a_socket(slack, Kept()).run(Event())


def test_the_bots_token_is_not_taken_for_the_apps(slack: SlackServer) -> None:
    addresses = SocketAddresses(web_client("", slack.url), slack.token)
    with pytest.raises(NotAllowedActionError, match="not_allowed_token_type"):
        SlackSocket(addresses, Kept().take).run(Event())


def test_socket_mode_that_is_switched_off_ends_it_with_a_reason(slack: SlackServer) -> None:
    ended: list[str] = []

    def run() -> None:
        try:
            a_socket(slack, Kept()).run(Event())
        except PermanentActionError as error:
            ended.append(str(error))

    thread = Thread(target=run)
    thread.start()
    slack.socket.wait_opened(1)
    slack.socket.disconnect("link_disabled")
    thread.join(30)
    assert ended == ["Slack's socket: Socket Mode is switched off for the app"]


def test_no_log_at_any_level_shows_a_token_a_ticket_or_what_was_asked(
    slack: SlackServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "suture")
    thread, kept = asked(slack), Kept()
    slack.refuse("apps.connections.open", Refusal(status=503, body=b"a secret in an answer"))
    with listening(slack, kept):
        assert slack.click(thread, "approve", ADA) == [200]
        slack.socket.drop()
        slack.socket.wait_opened(2)
    assert "Slack's socket is open" in caplog.text
    # The stand-in logs its own side.
    ours = [record for record in caplog.records if record.name != "websockets.server"]
    said = [record.getMessage() + str(record.__dict__) for record in ours]
    hidden = (
        slack.token,
        slack.app_token,
        "ticket-",
        "a secret in an answer",
        "judged harmful",
        "block_actions",
    )
    assert not [(word, line) for word in hidden for line in said if word in line]


class Elsewhere(WebClient):
    """A Slack beyond this machine, that gives an address without encryption."""

    def apps_connections_open(self, *, app_token: str, **_: Any) -> SlackResponse:
        return SlackResponse(
            client=self,
            http_verb="POST",
            api_url="apps.connections.open",
            req_args={"token": app_token},
            data={"ok": True, "url": "ws://slack.example/link"},
            headers={},
            status_code=200,
        )


def test_an_address_that_is_not_encrypted_is_not_used_beyond_this_machine() -> None:
    with pytest.raises(TransientActionError, match="names no wss:// address"):
        SocketAddresses(Elsewhere(base_url="https://slack.example/api/"), "xapp-1")()
