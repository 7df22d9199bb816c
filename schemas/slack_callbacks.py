"""Slack's interactions: what a click on a question says, read strictly; proven before by its signature.

Source: docs.slack.dev, "Handling user interaction", block_actions payload; contracts/slack.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from schemas.approvals import hold_code
from schemas.errors import SchemaError
from schemas.foreign_json import Json, read_object, require_object
from schemas.instants import EPOCH
from schemas.keys import EnvironmentName
from schemas.names import environment_name
from schemas.observations import Answer
from schemas.replies import Reply

CHANNEL = "slack"
"""How Slack is called in replies and approvals."""

APPROVE = "approve"
"""Action id of the button that approves."""

REJECT = "reject"
"""Action id of the button that rejects."""

HAND_OVER = "hand_over"
"""How the action id of the list of people begins."""

_BLOCK = "hold:"
_ID = re.compile(r"[A-Z0-9]{1,64}")
_TIMESTAMP = re.compile(r"[0-9]{1,11}\.[0-9]{1,9}")
_LONGEST = 2000
_MOST_FIELDS = 10


def hold_block(hold: str) -> str:
    """Return the id of the block that holds a question's buttons."""
    return f"{_BLOCK}{hold}"


def hold_value(hold: str, environment: EnvironmentName) -> str:
    """Return the value of a question's buttons.

    >>> hold_value("1b671a64", EnvironmentName("prod"))
    '1b671a64:prod:6eb471'
    """
    return f"{hold}:{environment}:{hold_code(hold)}"


def hand_over_action(environment: EnvironmentName) -> str:
    """Return the action id of the list of people: a chosen name leaves no room for anything else."""
    return f"{HAND_OVER}:{environment}"


def read_slack_callback(body: bytes, teams: Sequence[str] = ()) -> Reply | None:
    """Return the answer that an interactivity request carries; None for what is no answer to a question.

    Args:
        body: The form as it came, proven by `check_slack_signature`.
        teams: Ids of the workspaces whose users may answer; empty for any that Slack delivers.

    Raises:
        SchemaError: it is no such request, or a user of another workspace sent it.
    """
    try:
        fields = parse_qs(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError as error:
        raise SchemaError("interaction is not a form in UTF-8") from error
    payloads = fields.get("payload", [])
    if len(payloads) != 1:
        raise SchemaError(f"interaction has {len(payloads)} payloads, expected one")
    return read_slack_payload(read_object(payloads[0].encode(), "interaction"), teams)


def read_slack_payload(payload: dict[str, Json], teams: Sequence[str] = ()) -> Reply | None:
    """Return the answer that an interaction carries, as Socket Mode delivers it; None for no answer.

    Raises:
        SchemaError: it is malformed, or a user of another workspace sent it.
    """
    if payload.get("type") != "block_actions":
        return None
    actions = payload.get("actions")
    if not isinstance(actions, list) or len(actions) > 25:
        raise SchemaError("actions are no list of at most 25, expected what was clicked")
    ours = [found for found in (require_object(one, "action") for one in actions) if _is_ours(found)]
    if not ours:
        return None
    if len(ours) > 1:
        raise SchemaError(f"interaction has {len(ours)} answers, expected one")
    return _reply(payload, ours[0], teams)


def _is_ours(action: dict[str, Json]) -> bool:
    block = action.get("block_id")
    return isinstance(block, str) and block.startswith(_BLOCK)


def _reply(payload: dict[str, Json], action: dict[str, Json], teams: Sequence[str]) -> Reply:
    user = require_object(payload.get("user"), "user")
    container = require_object(payload.get("container"), "container")
    by = _matching(user, "id", _ID)
    team = user.get("team_id")
    if teams and team not in teams:
        raise SchemaError("user is of a workspace that is not configured")
    channel = _matching(container, "channel_id", _ID)
    message = _matching(container, "message_ts", _TIMESTAMP)
    acted = _matching(action, "action_ts", _TIMESTAMP)
    hold = _text(action, "block_id").removeprefix(_BLOCK)
    answer, environment, code, to = _said(action)
    if not hold or code != hold_code(hold):
        raise SchemaError("action's code is not that of its hold")
    return Reply(
        channel=CHANNEL,
        source=f"{acted}/{message}/{by}",
        thread=f"{channel}/{message}",
        by=by,
        answer=answer,
        at=_instant(acted),
        hold=hold,
        environment=environment_name(environment),
        code=code,
        to=to,
    )


def _said(action: dict[str, Json]) -> tuple[Answer, str, str, str]:
    """Return the answer, the environment, the hold's code and who is asked instead."""
    kind, _, environment = _text(action, "action_id").partition(":")
    hold = _text(action, "block_id").removeprefix(_BLOCK)
    if kind == HAND_OVER:
        chosen = require_object(action.get("selected_option"), "selected_option")
        to = _text(chosen, "value")
        if not to.strip():
            raise SchemaError("selected_option names nobody, expected who is asked instead")
        return Answer.HAND_OVER, environment, hold_code(hold), to
    answer = {APPROVE: Answer.APPROVE, REJECT: Answer.REJECT}.get(kind)
    if answer is None or environment:
        raise SchemaError(f"action_id is none of {APPROVE}, {REJECT} and {HAND_OVER}")
    said, _, rest = _text(action, "value").partition(":")
    environment, _, code = rest.rpartition(":")
    if said != hold:
        raise SchemaError("action's value is of another hold than its block")
    return answer, environment, code, ""


def _text(of: dict[str, Json], key: str) -> str:
    value = of.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST or not value.isprintable():
        raise SchemaError(f"{key} is no text of 1 to {_LONGEST} printable characters")
    return value


def _matching(of: dict[str, Json], key: str, pattern: re.Pattern[str]) -> str:
    value = of.get(key)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise SchemaError(f"{key} is not as Slack writes it, expected {pattern.pattern}")
    return value


def _instant(timestamp: str) -> datetime:
    seconds, _, fraction = timestamp.partition(".")
    microseconds = int(fraction[:6].ljust(6, "0"))
    return EPOCH + timedelta(seconds=int(seconds), microseconds=microseconds)
