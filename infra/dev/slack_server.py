"""A Slack of our own: its Web API, Socket Mode and people who click, over real sockets.

It takes what Slack takes (`infra.dev.slack_rules`) and remembers everything else: `running` fails at its end
when something was sent that Slack would have refused. Nothing here is Slack's code: it behaves as Slack's
documentation says.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import urllib.error
import urllib.request
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode

from infra.dev.ports import LOOPBACK
from infra.dev.slack_rules import faults_of_call, scopes_of
from infra.dev.slack_socket_server import SocketEndpoint
from streams import clock

__all__ = ["Message", "Room", "SlackServer", "running"]

Json = dict[str, Any]

_BOT = "B0SUTURE1"
_APP = "A0SUTURE1"


@dataclass(slots=True, kw_only=True)
class Message:
    """One message.

    Attributes:
        thread: Timestamp of the message that it answers; "" for none.
        bot: The bot that wrote it; "" for a human.
        edits: How often it was changed.
    """

    channel: str
    ts: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    metadata: Json | None = None
    thread: str = ""
    bot: str = _BOT
    edits: int = 0

    @property
    def id(self) -> str:
        """Return it as threads are named: channel/timestamp."""
        return f"{self.channel}/{self.ts}"

    @property
    def elements(self) -> list[Json]:
        """Return what can be clicked."""
        return [
            {**element, "block_id": block.get("block_id", "")}
            for block in self.blocks
            if block["type"] == "actions"
            for element in block["elements"]
        ]

    @property
    def words(self) -> str:
        """Return everything that it says, blocks first."""
        said = [block["text"]["text"] for block in self.blocks if "text" in block]
        return "\n".join([*said, self.text])


@dataclass(slots=True, kw_only=True)
class Room:
    """One channel."""

    has_bot: bool = True
    is_private: bool = False
    is_archived: bool = False
    messages: list[Message] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What is answered instead.

    Attributes:
        status: 0 hangs up.
        is_done: Does what was asked first, so that only the answer is lost.
    """

    status: int = 200
    error: str = ""
    retry_after_s: int | None = None
    body: bytes | None = None
    is_done: bool = False


class SlackServer:
    """One workspace with one app.

    Attributes:
        url: Of the Web API.
        token: The bot's.
        app_token: For Socket Mode.
        signing_secret: What interactions are signed with.
        rooms: Channels by id.
        scopes: What the bot may do.
        interactivity_url: Where clicks are sent; "" sends them through Socket Mode.
        is_down: Hangs up on every call.
        delay_s: Before each answer.
        calls: Methods and arguments as they came, those that were refused too.
        faults: What Slack would not have taken.
    """

    def __init__(
        self, *, channels: tuple[str, ...] = ("C0PROD0001", "C0OTHER001"), team: str = "T0SUTURE1"
    ) -> None:
        self.url, self.team = "", team
        self.token, self.app_token = "xoxb-1-stand-in-of-the-tests", "xapp-1-stand-in-of-the-tests"
        self.signing_secret = "8f742231b10e8888abcd99yyyzzz85a5"  # the one of Slack's documentation
        self.rooms = {channel: Room() for channel in channels}
        self.scopes = {"chat:write", "channels:history", "groups:history", "connections:write"}
        self.interactivity_url = ""
        self.is_down = False
        self.delay_s = 0.0
        self.calls: list[tuple[str, Json]] = []
        self.faults: list[str] = []
        self.socket = SocketEndpoint(_APP)
        self._refusals: dict[str, deque[Refusal]] = defaultdict(deque)
        self._lock = threading.RLock()
        self._count = 0

    # What a test asks and arranges.

    def messages(self, channel: str) -> list[Message]:
        """Return a channel's messages, oldest first, without replies."""
        with self._lock:
            return [one for one in self.rooms[channel].messages if not one.thread]

    def message(self, thread: str) -> Message:
        """Return the message of a thread's id."""
        channel, _, ts = thread.partition("/")
        with self._lock:
            return next(one for one in self.rooms[channel].messages if one.ts == ts)

    def replies(self, thread: str) -> list[Message]:
        """Return what was said in a thread, oldest first."""
        channel, _, ts = thread.partition("/")
        with self._lock:
            return [one for one in self.rooms[channel].messages if one.thread == ts]

    def say(self, channel: str, text: str, *, bot: str = "", metadata: Json | None = None) -> Message:
        """Post a message of somebody else's, and return it."""
        with self._lock:
            message = Message(channel=channel, ts=self._stamp(), text=text, bot=bot, metadata=metadata)
            self.rooms[channel].messages.append(message)
            return message

    def delete(self, thread: str) -> None:
        """Take a message away, as a human may."""
        message = self.message(thread)
        with self._lock:
            self.rooms[message.channel].messages.remove(message)

    def refuse(self, method: str, *refusals: Refusal) -> None:
        """Answer the next calls of a method otherwise, one each."""
        self._refusals[method].extend(refusals)

    def rate_limit(self, method: str, retry_after_s: int, times: int = 1) -> None:
        """Answer the next calls of a method 429."""
        refusal = Refusal(status=429, error="ratelimited", retry_after_s=retry_after_s)
        self.refuse(method, *[refusal] * times)

    def called(self, method: str) -> list[Json]:
        """Return the arguments of each call of a method."""
        with self._lock:
            return [arguments for name, arguments in self.calls if name == method]

    # What people do.

    def click(
        self, thread: str, action: str, by: str, *, team: str | None = None, times: int = 1
    ) -> list[int]:
        """Let somebody click a button so many times, and return what each click was answered.

        Over HTTP that is the status; through Socket Mode 200 when it was acknowledged, 0 when it was not.
        """
        return [self.deliver(self.press(thread, action, by, team=team)) for _ in range(times)]

    def choose(self, thread: str, name: str, by: str) -> int:
        """Let somebody choose a name in the list of people."""
        return self.deliver(self.press(thread, "hand_over", by, option=name))

    def press(
        self, thread: str, action: str, by: str, *, team: str | None = None, option: str | None = None
    ) -> Json:
        """Return the interaction that a click on a message makes, in the form of contracts/slack.

        Raises:
            LookupError: the message shows no such button or name: nobody can click it.
        """
        message = self.message(thread)
        element = next(
            (one for one in message.elements if one["action_id"].partition(":")[0] == action), None
        )
        if element is None:
            raise LookupError(
                f"{thread} shows no {action}, only {[e['action_id'] for e in message.elements]}"
            )
        clicked: Json = {key: element[key] for key in ("action_id", "block_id", "type")}
        if option is not None:
            chosen = next((one for one in element["options"] if one["value"] == option), None)
            if chosen is None:
                raise LookupError(f"{thread} lists no {option}")
            clicked["selected_option"] = chosen
        else:
            clicked |= {"text": element["text"], "value": element["value"]}
        where = team or self.team
        return {
            "type": "block_actions",
            "user": {"id": by, "username": by.lower(), "name": by.lower(), "team_id": where},
            "api_app_id": _APP,
            "token": "deprecated",
            "container": {
                "type": "message",
                "message_ts": message.ts,
                "channel_id": message.channel,
                "is_ephemeral": False,
            },
            "trigger_id": f"{self._stamp()}.x",
            "team": {"id": self.team, "domain": "suture"},
            "enterprise": None,
            "is_enterprise_install": False,
            "channel": {"id": message.channel, "name": "releases"},
            "message": {"type": "message", "ts": message.ts, "text": message.text, "blocks": message.blocks},
            "state": {"values": {}},
            "response_url": f"https://hooks.slack.com/actions/{self.team}/1/x",
            "actions": [{**clicked, "action_ts": self._stamp()}],
        }

    def deliver(self, payload: Json, *, age_s: int = 0) -> int:
        """Send an interaction, and return what it was answered; sent again it is a repeated delivery."""
        if not self.interactivity_url:
            return 200 if self.socket.send("interactive", payload) else 0
        body = urlencode({"payload": json.dumps(payload)}).encode()
        headers = {**self.signed(body, age_s=age_s), "Content-Type": "application/x-www-form-urlencoded"}
        request = urllib.request.Request(self.interactivity_url, data=body, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30.0) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def signed(self, body: bytes, *, age_s: int = 0) -> dict[str, str]:
        """Return the headers that sign a body as Slack does."""
        stamp = str(int(clock.now().timestamp()) - age_s)
        mac = hmac.new(self.signing_secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256)
        return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={mac.hexdigest()}"}

    # What the app calls.

    def answer(self, method: str, token: str, body_type: str, arguments: Json) -> Refusal | Json:
        """Return the answer to a call."""
        with self._lock:
            self.calls.append((method, arguments))
            refusals = self._refusals[method]
            refusal = refusals.popleft() if refusals else None
            if refusal is not None and not refusal.is_done:
                return refusal
            answer = self._done(method, token, body_type, arguments)
            return refusal or answer

    def _done(self, method: str, token: str, body_type: str, arguments: Json) -> Json:
        if token != (self.app_token if method == "apps.connections.open" else self.token):
            known = token in (self.app_token, self.token)
            return _no("not_allowed_token_type" if known else "invalid_auth" if token else "not_authed")
        faults = faults_of_call(method, body_type, arguments)
        self.faults += faults
        if faults:
            return _no("invalid_arguments")
        room = self.rooms.get(str(arguments.get("channel", "")))
        if "channel" in arguments and room is None:
            return _no("channel_not_found")
        needed = scopes_of(method)
        if (
            needed
            and needed[1 if room is not None and room.is_private and len(needed) > 1 else 0]
            not in self.scopes
        ):
            return _no("missing_scope")
        match method:
            case "auth.test":
                user = {"user": "suture", "user_id": "U0SUTURE1", "bot_id": _BOT}
                workspace = {"url": "https://suture-test.slack.com/", "team": "Suture", "team_id": self.team}
                return {"ok": True, **workspace, **user, "is_enterprise_install": False}
            case "apps.connections.open":
                return {"ok": True, "url": self.socket.new_url()}
        assert room is not None, "every other method has a channel"
        match method:
            case "chat.postMessage":
                return self._post(room, arguments)
            case "chat.update":
                return self._update(room, arguments)
            case _:
                return self._read(method, room, arguments)

    def _post(self, room: Room, arguments: Json) -> Json:
        if room.is_archived:
            return _no("is_archived")
        # Without chat:write.public a bot posts only where it is a member.
        if not room.has_bot and "chat:write.public" not in self.scopes:
            return _no("not_in_channel")
        thread = str(arguments.get("thread_ts", ""))
        if thread and all(one.ts != thread for one in room.messages):
            return _no("thread_not_found")
        message = Message(
            channel=arguments["channel"],
            ts=self._stamp(),
            text=arguments["text"],
            blocks=arguments.get("blocks", []),
            metadata=arguments.get("metadata"),
            thread=thread,
        )
        room.messages.append(message)
        return {"ok": True, "channel": message.channel, "ts": message.ts, "message": self._shown(message, {})}

    def _update(self, room: Room, arguments: Json) -> Json:
        message = next((one for one in room.messages if one.ts == arguments["ts"]), None)
        if message is None:
            return _no("message_not_found")
        if message.bot != _BOT:
            return _no("cant_update_message")
        message.text, message.blocks = arguments["text"], arguments.get("blocks", [])
        message.metadata = arguments.get("metadata", message.metadata)
        message.edits += 1
        shown = self._shown(message, {})
        return {
            "ok": True,
            "channel": message.channel,
            "ts": message.ts,
            "text": message.text,
            "message": shown,
        }

    def _read(self, method: str, room: Room, arguments: Json) -> Json:
        if not room.has_bot:
            return _no("not_in_channel")
        if method == "conversations.replies":
            root = str(arguments["ts"])
            found = [one for one in room.messages if root in (one.ts, one.thread)]
            if not any(one.ts == root for one in found):
                return _no("thread_not_found")
        else:
            found = [one for one in reversed(room.messages) if not one.thread]
        closed = _is_true(arguments.get("inclusive"))
        oldest, latest = arguments.get("oldest"), arguments.get("latest")
        found = [
            one
            for one in found
            if (not oldest or float(one.ts) > float(oldest) or (closed and one.ts == oldest))
            and (not latest or float(one.ts) < float(latest) or (closed and one.ts == latest))
        ]
        begins = int(str(arguments.get("cursor") or "0"))
        ends = begins + int(arguments.get("limit", 100))
        return {
            "ok": True,
            "messages": [self._shown(one, arguments) for one in found[begins:ends]],
            "has_more": ends < len(found),
            "response_metadata": {"next_cursor": str(ends) if ends < len(found) else ""},
        }

    def _shown(self, message: Message, arguments: Json) -> Json:
        shown: Json = {"type": "message", "ts": message.ts, "text": message.text, "blocks": message.blocks}
        if message.bot:
            shown |= {"bot_id": message.bot, "app_id": _APP, "user": "U0SUTURE1"}
        else:
            shown["user"] = "U0HUMAN01"
        if message.thread:
            shown["thread_ts"] = message.thread
        if message.metadata is not None and _is_true(arguments.get("include_all_metadata")):
            shown["metadata"] = message.metadata
        return shown

    def _stamp(self) -> str:
        with self._lock:
            self._count += 1
            return f"{int(clock.now().timestamp())}.{self._count:06d}"


@contextmanager
def running(server: SlackServer | None = None) -> Iterator[SlackServer]:
    """Run a Slack on free ports of this machine.

    Raises:
        AssertionError: at the end, when something was sent that Slack would have refused as malformed.
    """
    slack = server or SlackServer()
    stopping = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that it looks for
            _serve(slack, self, stopping.wait)

        def log_message(self, *_: Any) -> None:
            pass

    with slack.socket.running(), ThreadingHTTPServer((LOOPBACK, 0), Handler) as http:
        http.daemon_threads = True
        slack.url = f"http://{LOOPBACK}:{http.server_port}/api/"
        thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield slack
        finally:
            stopping.set()
            http.shutdown()
            thread.join()
    assert not slack.faults, slack.faults


def _serve(slack: SlackServer, request: BaseHTTPRequestHandler, wait: Callable[[float], object]) -> None:
    text = request.rfile.read(int(request.headers.get("Content-Length") or 0))
    if slack.delay_s:
        wait(slack.delay_s)
    if slack.is_down:
        request.close_connection = True
        return
    method = request.path.removeprefix("/api/")
    body_type = request.headers.get("Content-Type", "").partition(";")[0].strip()
    arguments: Json = (
        json.loads(text)
        if text and body_type == "application/json"
        else {key: values[0] for key, values in parse_qs(text.decode()).items()}
    )
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    answer = slack.answer(method, token, body_type, arguments)
    if isinstance(answer, Refusal):
        if answer.status == 0:
            request.close_connection = True
            return
        body = answer.body if answer.body is not None else json.dumps(_no(answer.error)).encode()
        request.send_response(answer.status)
        if answer.retry_after_s is not None:
            request.send_header("Retry-After", str(answer.retry_after_s))
    else:
        body = json.dumps(answer).encode()
        request.send_response(200)
    request.send_header("Content-Type", "application/json; charset=utf-8")
    request.send_header("Content-Length", str(len(body)))
    # Whoever has given up does not hear it.
    with suppress(ConnectionError):
        request.end_headers()
        request.wfile.write(body)


def _no(error: str) -> Json:
    return {"ok": False, "error": error}


def _is_true(value: Any) -> bool:
    return value is True or value in ("1", "true")
