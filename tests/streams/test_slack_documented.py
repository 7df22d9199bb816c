"""docs/approvals-slack.md: its manifest gives the app what the code uses, and no more."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from actions.errors import ActionError
from actions.people.slack import SlackChannel
from actions.people.slack_api import SlackApi
from actions.people.slack_calls import web_client
from actions.policy_file import load_policy
from infra.dev import slack_server
from infra.dev.slack_rules import scopes_of
from infra.dev.slack_server import SlackServer
from schemas.approvals import HoldChange
from streams.slack_settings import read_slack_settings
from tests.actions.slack_stories import (
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

TEXT = (Path(__file__).parents[2] / "docs" / "approvals-slack.md").read_text(encoding="utf-8")
BLOCKS: list[dict[str, Any]] = [
    yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
]
MANIFEST, POLICY = BLOCKS
SCOPES = set(MANIFEST["oauth_config"]["scopes"]["bot"])


def whole_story(slack: SlackServer) -> None:
    """Do everything that the channel can do, in a public and in a private channel."""
    channel = SlackChannel(SlackApi(web_client(slack.token, slack.url)), CHANNELS, PEOPLE)
    for environment in ("prod", "staging"):
        held = a_hold(environment)
        thread = channel.ask(held)
        channel.change(thread, held, changed(held, HoldChange.ESCALATED, "more", to=("ada",)))
        channel.end(thread, held, granted(held))
        channel.outcome(thread, held, an_outcome(held), a_recovery(held))
        channel.notify(a_page(environment))
        assert channel.ask(held) == thread


def a_slack(scopes: set[str]) -> SlackServer:
    slack = SlackServer()
    slack.rooms[OTHER].is_private = True
    slack.scopes = scopes
    return slack


def test_with_the_manifests_scopes_everything_works_and_nothing_is_refused() -> None:
    with slack_server.running(a_slack(SCOPES)) as slack:
        whole_story(slack)
        methods = {method for method, _ in slack.calls}
        assert [len(slack.messages(room)) for room in (CHANNEL, OTHER)] == [2, 2]
    assert {scope for method in methods for scope in scopes_of(method)} == SCOPES


@pytest.mark.parametrize("scope", sorted(SCOPES))
def test_without_one_of_the_manifests_scopes_something_is_missing(scope: str) -> None:
    with (
        slack_server.running(a_slack(SCOPES - {scope})) as slack,
        pytest.raises((ActionError, AssertionError)),
    ):
        whole_story(slack)


def test_the_manifest_lets_people_answer_at_the_gateways_route() -> None:
    interactivity = MANIFEST["settings"]["interactivity"]
    assert interactivity["is_enabled"] is True
    assert interactivity["request_url"].endswith("/v1/webhooks/slack")


def test_the_people_of_the_example_are_a_policys(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(POLICY))
    assert load_policy(file).people["ada"].slack == "U061F7AUR"


def test_every_variable_is_described_and_every_described_one_is_read() -> None:
    described = set(re.findall(r"^\| `(SUTURE_SLACK_\w+)`", TEXT, re.MULTILINE))
    read = Recorder()
    settings = read_slack_settings(read)
    assert described == {name for name in read.asked if not name.endswith("_FILE")}
    assert len(described) == len(fields(settings))


class Recorder(dict[str, str]):
    """An environment without variables, that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return default
