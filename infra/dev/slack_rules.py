"""What Slack's Web API takes: arguments by Slack's own description, messages by the limits of slack_sdk.

`slack/web-api-subset.json` is cut from slackapi/slack-api-specs at bc08db49 (MIT, Copyright Slack
Technologies): argument names, which are required, and errors, of the methods that we use. That description
ended in 2021, so what is newer stands here, as docs.slack.dev has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

__all__ = ["Faults", "faults_of_call", "scopes_of"]

Json = dict[str, Any]
Faults = list[str]

_DOCUMENT = json.loads((Path(__file__).parent / "slack" / "web-api-subset.json").read_text(encoding="utf-8"))
_NEWER: dict[str, dict[str, bool]] = {
    "apps.connections.open": {},
    "chat.postMessage": {"metadata": False},
    "chat.update": {"metadata": False},
    "conversations.history": {
        "channel": True,
        "cursor": False,
        "inclusive": False,
        "include_all_metadata": False,
        "latest": False,
        "limit": False,
        "oldest": False,
    },
    "conversations.replies": {
        "channel": True,
        "ts": True,
        "cursor": False,
        "inclusive": False,
        "include_all_metadata": False,
        "latest": False,
        "limit": False,
        "oldest": False,
    },
}
_SCOPES = {
    "apps.connections.open": ("connections:write",),
    "auth.test": (),
    "chat.postMessage": ("chat:write",),
    "chat.update": ("chat:write",),
    "conversations.history": ("channels:history", "groups:history"),
    "conversations.replies": ("channels:history", "groups:history"),
}
_BODY_TYPES = {"application/json", "application/x-www-form-urlencoded"}
_MOST_BLOCKS = 50
_LONGEST_TEXT = 40_000
# Whoever writes these calls a whole channel, a group of users, or hides an address behind a word.
_LOUD = re.compile(r"<(?:!|[^@#>][^>]*\|)")


def scopes_of(method: str) -> tuple[str, ...]:
    """Return the scopes of which a method needs one: the first in a public channel, else the next.

    Raises:
        KeyError: it is no method that stands here.
    """
    return _SCOPES[method]


def faults_of_call(method: str, body_type: str, arguments: Json) -> Faults:
    """Return what is wrong with a call; empty for nothing."""
    if method not in _SCOPES:
        return [f"{method} is no method that stands here"]
    described = _DOCUMENT["paths"].get(f"/{method}", {})
    known = dict(_NEWER.get(method, {}))
    for operation in described.values():
        for one in operation["parameters"]:
            if one["in"] != "header":
                known[one["name"]] = one.get("required", False)
    faults = [f"{method} has the argument {name}" for name in arguments if name not in known]
    faults += [f"{method} lacks {name}" for name, needed in known.items() if needed and name not in arguments]
    if arguments and body_type not in _BODY_TYPES:
        faults.append(f"{method} came as {body_type}")
    if method.startswith("chat."):
        faults += _faults_of_message(method, arguments)
    return faults


def _faults_of_message(method: str, arguments: Json) -> Faults:
    text = arguments.get("text")
    faults: Faults = []
    if not isinstance(text, str) or not text.strip():
        faults.append(f"{method} has no text for notifications")
    elif len(text) > _LONGEST_TEXT:
        faults.append(f"{method} has a text of {len(text)} characters")
    elif _LOUD.search(text):
        faults.append(f"{method} has a text that calls or hides something: {text!r}")
    blocks = arguments.get("blocks", [])
    if not isinstance(blocks, list) or len(blocks) > _MOST_BLOCKS:
        return [*faults, f"{method} has no list of at most {_MOST_BLOCKS} blocks"]
    return faults + _faults_of_blocks(blocks) + _faults_of_metadata(arguments.get("metadata"))


def _faults_of_blocks(blocks: list[Json]) -> Faults:
    faults: Faults = []
    for block in blocks:
        try:
            read = Block.parse(block)
            if read is None or read.to_dict() != block:
                faults.append(f"a block is not as Block Kit has it: {block}")
        except (SlackObjectFormationError, TypeError) as error:
            faults.append(f"a block is refused: {error}")
    for thing in _objects(blocks):
        text = thing.get("text")
        if thing.get("type") in ("plain_text", "mrkdwn") and not (isinstance(text, str) and text):
            faults.append(f"a text is empty: {thing}")
        if thing.get("type") == "mrkdwn" and isinstance(text, str) and _LOUD.search(text):
            faults.append(f"a text calls or hides something: {text!r}")
    for key in ("block_id", "action_id"):
        ids = [thing[key] for thing in _objects(blocks) if key in thing]
        if len(set(ids)) != len(ids):
            faults.append(f"{key} comes twice: {ids}")
    return faults


def _faults_of_metadata(metadata: Any) -> Faults:
    if metadata is None:
        return []
    if not isinstance(metadata, dict) or metadata.keys() != {"event_type", "event_payload"}:
        return ["metadata are not event_type and event_payload"]
    if not re.fullmatch(r"[A-Za-z0-9_]{1,255}", str(metadata["event_type"])):
        return [f"event_type is {metadata['event_type']!r}"]
    payload = metadata["event_payload"]
    if not isinstance(payload, dict) or not all(isinstance(value, (str, int)) for value in payload.values()):
        return ["event_payload holds more than words and numbers"]
    return []


def _objects(thing: Any) -> Iterator[Json]:
    if isinstance(thing, dict):
        yield thing
        for value in thing.values():
            yield from _objects(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from _objects(value)
