"""The Slack of our own is as strict as Slack: what Slack refuses fails the test that sent it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier

from infra.dev import slack_server
from infra.dev.slack_rules import faults_of_call
from infra.dev.slack_server import SlackServer
from schemas.slack_callbacks import read_slack_callback
from schemas.webhook_signatures import SignatureError, check_slack_signature
from streams import clock
from tests.listening import QuietHandler, listening

ROOM = "C0PROD0001"
CONTRACTS = Path(__file__).parents[3] / "shared" / "contracts" / "slack"
BUTTON: dict[str, Any] = {
    "type": "button",
    "action_id": "approve",
    "text": {"type": "plain_text", "text": "Roll back"},
    "value": "1",
}
ACTIONS = {"type": "actions", "block_id": "hold:1", "elements": [BUTTON]}


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with slack_server.running() as server:
        yield server


def client(slack: SlackServer) -> WebClient:
    return WebClient(slack.token, base_url=slack.url, retry_handlers=[])


def section(kind: str, text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": kind, "text": text}}


def contract(file: str) -> Any:
    if not CONTRACTS.is_dir():
        pytest.skip("contracts/slack is absent: it is kept beside the repository")
    return json.loads((CONTRACTS / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"chanel": ROOM}, "has the argument chanel"),
        ({"channel": ROOM, "text": " "}, "no text for notifications"),
        ({"text": "x"}, "lacks channel"),
        ({"text": "x <!channel>"}, "calls or hides something"),
        ({"text": "<https://x|y>"}, "calls or hides something"),
        ({"text": "x", "blocks": [{"type": "section"}]}, "a block is refused"),
        ({"text": "x", "blocks": [{"type": "nonsense"}]}, "not as Block Kit has it"),
        ({"text": "x", "blocks": [section("plain_text", "x" * 3001)]}, "a block is refused"),
        ({"text": "x", "blocks": [section("mrkdwn", "<!here>")]}, "calls or hides something"),
        ({"text": "x", "blocks": [section("plain_text", "")]}, "a text is empty"),
        ({"text": "x", "blocks": [section("plain_text", "x")] * 51}, "at most 50 blocks"),
        ({"text": "x", "blocks": [{**ACTIONS, "elements": [BUTTON, BUTTON]}]}, "action_id comes twice"),
        (
            {"text": "x", "blocks": [{**ACTIONS, "elements": [{**BUTTON, "value": "x" * 2001}]}]},
            "a block is refused",
        ),
        (
            {
                "text": "x",
                "blocks": [
                    {**ACTIONS, "elements": [{**BUTTON, "text": {"type": "plain_text", "text": "x" * 76}}]}
                ],
            },
            "a block is refused",
        ),
        ({"text": "x", "metadata": {"event_type": "a b", "event_payload": {}}}, "event_type is"),
        ({"text": "x", "metadata": {"event_type": "a", "event_payload": {"b": {}}}}, "event_payload holds"),
    ],
)
def test_a_call_that_slack_would_refuse_is_a_fault(arguments: dict[str, Any], fault: str) -> None:
    faults = faults_of_call("chat.postMessage", "application/json", arguments)
    assert any(fault in one for one in faults), faults


def test_a_call_that_slack_takes_is_none() -> None:
    arguments = {
        "channel": ROOM,
        "text": "x <@U061F7AUR>",
        "blocks": [ACTIONS, section("plain_text", "<!here>")],
    }
    assert faults_of_call("chat.postMessage", "application/json", arguments) == []


def test_a_fault_fails_whoever_ran_the_server() -> None:
    with (
        pytest.raises(AssertionError, match="calls or hides"),
        slack_server.running() as slack,
        pytest.raises(SlackApiError, match="invalid_arguments"),
    ):
        client(slack).chat_postMessage(channel=ROOM, text="<!channel>")


def test_the_arguments_are_those_of_slacks_own_description() -> None:
    whole = contract("web-api-subset.openapi2.json")["paths"]
    ours = json.loads((Path(slack_server.__file__).parent / "slack/web-api-subset.json").read_text())
    for path, operations in ours["paths"].items():
        for verb, operation in operations.items():
            assert [(one["name"], one["in"]) for one in operation["parameters"]] == [
                (one["name"], one["in"]) for one in whole[path][verb]["parameters"]
            ]


@pytest.mark.parametrize("file", ["block_actions.button.json", "org_install.block_actions.json"])
def test_a_click_has_the_form_of_slacks_own(slack: SlackServer, file: str) -> None:
    message = client(slack).chat_postMessage(channel=ROOM, text="x", blocks=[ACTIONS])
    click = slack.press(f"{ROOM}/{message['ts']}", "approve", "U1")
    theirs = contract(file)
    assert theirs.keys() <= click.keys()
    for part in ("user", "container", "channel"):
        assert theirs[part].keys() == click[part].keys() - ({"is_ephemeral"} - theirs[part].keys()), part
    assert theirs["actions"][0].keys() == click["actions"][0].keys()


def test_a_signature_is_one_that_the_vendors_own_verifier_accepts(slack: SlackServer) -> None:
    body = b"payload=%7B%7D"
    headers = slack.signed(body)
    assert SignatureVerifier(slack.signing_secret).is_valid_request(body, headers)


def test_a_click_over_http_is_signed_and_read(slack: SlackServer) -> None:
    message = client(slack).chat_postMessage(channel=ROOM, text="x", blocks=[ACTIONS])
    thread = f"{ROOM}/{message['ts']}"
    taken: list[bytes] = []

    class Gateway(QuietHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                check_slack_signature(
                    body,
                    timestamp=self.headers["X-Slack-Request-Timestamp"].encode(),
                    signature=self.headers["X-Slack-Signature"].encode(),
                    secrets=[slack.signing_secret.encode()],
                    now=clock.now(),
                )
            except SignatureError:
                self.send_response(401)
            else:
                taken.append(body)
                self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with listening(Gateway) as address:
        slack.interactivity_url = f"http://{address}/"
        assert slack.click(thread, "approve", "U1", times=2) == [200, 200]
        assert slack.deliver(slack.press(thread, "approve", "U1"), age_s=400) == 401
    assert len(taken) == 2
    assert taken[0] != taken[1]
    with pytest.raises(Exception, match="code"):
        read_slack_callback(taken[0])


def test_only_what_a_message_shows_can_be_clicked(slack: SlackServer) -> None:
    talk = client(slack)
    message = talk.chat_postMessage(channel=ROOM, text="x", blocks=[ACTIONS])
    thread = f"{ROOM}/{message['ts']}"
    slack.press(thread, "approve", "U1")
    with pytest.raises(LookupError, match="shows no reject"):
        slack.press(thread, "reject", "U1")
    talk.chat_update(channel=ROOM, ts=message["ts"], text="x", blocks=[])
    with pytest.raises(LookupError, match="shows no approve"):
        slack.press(thread, "approve", "U1")


def test_history_is_given_page_by_page_newest_first_and_without_replies(slack: SlackServer) -> None:
    talk = client(slack)
    stamps = [talk.chat_postMessage(channel=ROOM, text=str(number))["ts"] for number in range(5)]
    talk.chat_postMessage(channel=ROOM, text="reply", thread_ts=stamps[0])
    first = talk.conversations_history(channel=ROOM, limit=3)
    cursor = first["response_metadata"]["next_cursor"]
    second = talk.conversations_history(channel=ROOM, limit=3, cursor=cursor)
    assert [one["text"] for one in [*first["messages"], *second["messages"]]] == ["4", "3", "2", "1", "0"]
    replies = talk.conversations_replies(channel=ROOM, ts=stamps[0])
    assert [one["text"] for one in replies["messages"]] == ["0", "reply"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"token": "xoxb-other"}, "invalid_auth"),
        ({"scopes": set()}, "missing_scope"),
        ({"rooms": {}}, "channel_not_found"),
    ],
)
def test_what_is_not_allowed_is_answered_as_slack_answers(
    slack: SlackServer, change: dict[str, Any], error: str
) -> None:
    talk = client(slack)
    for name, value in change.items():
        setattr(slack, name, value)
    with pytest.raises(SlackApiError, match=error):
        talk.chat_postMessage(channel=ROOM, text="x")


def test_a_message_of_somebody_else_cannot_be_changed(slack: SlackServer) -> None:
    theirs = slack.say(ROOM, "hello")
    with pytest.raises(SlackApiError, match="cant_update_message"):
        client(slack).chat_update(channel=ROOM, ts=theirs.ts, text="bye")


def test_an_archived_channel_takes_nothing(slack: SlackServer) -> None:
    slack.rooms[ROOM].is_archived = True
    with pytest.raises(SlackApiError, match="is_archived"):
        client(slack).chat_postMessage(channel=ROOM, text="x")


def test_a_rate_that_is_too_high_is_answered_429_with_a_pause(slack: SlackServer) -> None:
    slack.rate_limit("chat.postMessage", 7)
    with pytest.raises(SlackApiError, match="ratelimited") as raised:
        client(slack).chat_postMessage(channel=ROOM, text="x")
    assert raised.value.response.status_code == 429
    assert raised.value.response.headers["Retry-After"] == "7"


def test_a_socket_opens_once_for_each_address(slack: SlackServer) -> None:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    url = client(slack).apps_connections_open(app_token=slack.app_token)["url"]
    with connect(url) as connection:
        assert json.loads(connection.recv(timeout=30))["type"] == contract("socket-mode/hello.json")["type"]
    with connect(url) as again, pytest.raises(ConnectionClosed):
        again.recv(timeout=30)


def test_the_servers_log_shows_no_token(slack: SlackServer) -> None:
    client(slack).chat_postMessage(channel=ROOM, text="x")
    assert slack.token not in str(slack.calls)
