"""Slack's Socket Mode: clicks come in through a connection that we open, so no address of ours is public.

The vendor's own client keeps a dozen threads, and what ends it may also start it again; the protocol is
small, so it is followed here, in the caller's thread, over the `websockets` package.

Source: docs.slack.dev, "Using Socket Mode"; contracts/slack/socket-mode.
"""

import json
import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event
from typing import Final

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.sync.client import ClientConnection, connect

from actions.errors import PermanentActionError, TransientActionError
from actions.people.slack_calls import TIMEOUT_S, SocketAddresses
from schemas.errors import SchemaError, SutureError
from schemas.foreign_json import Json, read_object, require_object
from schemas.replies import Reply
from schemas.slack_callbacks import read_slack_payload

logger = logging.getLogger("suture.slack")

_frames = logging.getLogger("suture.slack.frames")
# The package writes frames, and addresses with their tickets, at debug level.
_frames.setLevel(logging.CRITICAL + 1)

_RECEIVE_S: Final = 0.5
_PING_S: Final = 20.0
_CLOSE_S: Final = 1.0
_LONGEST_MESSAGE: Final = 1024 * 1024
_LONGEST_PAUSE_S: Final = 30.0
_MOST_DOUBLINGS: Final = 5
_REFRESHES: Final = frozenset({"warning", "refresh_requested"})
_SWITCHED_OFF: Final = "link_disabled"


@dataclass(frozen=True, slots=True)
class _Line:
    """A connection, and what ends it."""

    connection: ClientConnection
    close: Callable[[], None]


class SlackSocket:
    """Takes people's answers from Slack.

    Each envelope goes to one of an app's connections, of which there may be ten. It is acknowledged once its
    answer was taken; one that could not be taken is not, and Slack shows whoever clicked that it did not
    work. A repeat is harmless: it carries the same source.

    Args:
        addresses: Gives an address for each connection.
        take: Keeps an answer, within the 3 seconds that Slack waits; raises a SutureError when it cannot.
        teams: Workspaces whose people may answer; empty for any.

    Attributes:
        is_connected: Whether Slack has greeted us, and has not gone away since.
    """

    def __init__(
        self, addresses: SocketAddresses, take: Callable[[Reply], None], teams: Sequence[str] = ()
    ) -> None:
        self._addresses, self._take, self._teams = addresses, take, tuple(teams)
        self._failures = 0
        self.is_connected = False

    def run(self, stop: Event) -> None:
        """Listen until told to stop, connecting again whenever a connection ends.

        Raises:
            PermanentActionError: Slack will not let us connect, now or later.
        """
        current: _Line | None = None
        try:
            while not stop.is_set():
                fresh = self._connected(stop)
                if current is not None:
                    # Clicks that came to the old connection while the new one was made.
                    self._empty(current.connection)
                    if fresh is not None:
                        current.close()
                current = fresh or current
                if fresh is not None and not self._follow(fresh.connection, stop):
                    fresh.close()
                    current = None
        finally:
            self.is_connected = False
            if current is not None:
                current.close()

    def _connected(self, stop: Event) -> _Line | None:
        if self._failures and stop.wait(self._pause()):
            return None
        self._failures += 1
        try:
            with ExitStack() as stack:
                line = connect(
                    self._addresses(),
                    open_timeout=TIMEOUT_S,
                    ping_interval=_PING_S,
                    ping_timeout=_PING_S,
                    close_timeout=_CLOSE_S,
                    max_size=_LONGEST_MESSAGE,
                    compression=None,
                    logger=_frames,
                )
                connection = stack.enter_context(line)
                return _Line(connection=connection, close=stack.pop_all().close)
        except (TransientActionError, OSError, InvalidHandshake, InvalidURI) as error:
            # Of a foreign error the kind alone: its text may hold the address with its ticket.
            why = str(error) if isinstance(error, TransientActionError) else type(error).__name__
            logger.warning("Slack's socket cannot be opened", extra={"reason": why, "tries": self._failures})
            return None

    def _pause(self) -> float:
        return min(float(2 ** min(self._failures - 1, _MOST_DOUBLINGS)), _LONGEST_PAUSE_S)

    def _follow(self, connection: ClientConnection, stop: Event) -> bool:
        """Take what comes; return whether the connection is still open, and only about to be replaced."""
        while not stop.is_set():
            try:
                text = connection.recv(timeout=_RECEIVE_S)
            except TimeoutError:
                continue
            except ConnectionClosed:
                self.is_connected = False
                return False
            if not self._heard(connection, text):
                return True
        return False

    def _empty(self, connection: ClientConnection) -> None:
        try:
            while True:
                self._heard(connection, connection.recv(timeout=0))
        except (TimeoutError, ConnectionClosed):
            return

    def _heard(self, connection: ClientConnection, text: str | bytes) -> bool:
        """Deal with a message; return whether to go on with this connection."""
        try:
            message = read_object(
                text.encode() if isinstance(text, str) else text, "message of Slack's socket"
            )
        except SchemaError as error:
            logger.warning("message of Slack's socket is not understood", extra={"reason": str(error)})
            return True
        match message.get("type"):
            case "hello":
                self._failures, self.is_connected = 1, True
                logger.info("Slack's socket is open")
            case "disconnect":
                self._told_to_leave(message.get("reason"))
                return False
            case kind if isinstance(message.get("envelope_id"), str):
                if self._kept(kind, message):
                    self._acknowledge(connection, message)
            case _:
                logger.warning("message of Slack's socket is of no known kind")
        return True

    def _told_to_leave(self, reason: Json) -> None:
        if reason == _SWITCHED_OFF:
            raise PermanentActionError("Slack's socket: Socket Mode is switched off for the app")
        # Another pause than for a refresh, where the next connection would be told the same.
        self._failures = 0 if reason in _REFRESHES else _MOST_DOUBLINGS + 1

    def _kept(self, kind: Json, message: dict[str, Json]) -> bool:
        """Return whether an envelope was dealt with, so that Slack need not hear that it was not."""
        if kind != "interactive":
            return True
        try:
            reply = read_slack_payload(require_object(message.get("payload"), "payload"), self._teams)
        except SchemaError as error:
            logger.warning("interaction is refused", extra={"reason": str(error)})
            return True
        if reply is None:
            return True
        try:
            self._take(reply)
        except SutureError as error:
            logger.warning("answer could not be kept", extra={"hold": reply.hold, "reason": str(error)})
            return False
        return True

    def _acknowledge(self, connection: ClientConnection, message: dict[str, Json]) -> None:
        try:
            connection.send(json.dumps({"envelope_id": message["envelope_id"]}))
        except ConnectionClosed:
            # It is kept; Slack may deliver it again, which is a repeat.
            logger.warning("acknowledgement came too late for its connection")
