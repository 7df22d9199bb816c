"""Who is told is who is named, secrets are never shown, and half a setting is refused."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from schemas.errors import SettingsError
from streams.notifier_service import Notifier
from streams.notifier_settings import read_notifier_settings
from streams.notifier_sinks import configured_sinks
from streams.process_tree import parts_of
from streams.settings import Settings, read_settings

EVERYTHING = {
    "SUTURE_NOTIFY_CDEVENTS": "on",
    "SUTURE_NOTIFY_DATADOG_KEY": "a-datadog-key",
    "SUTURE_NOTIFY_GRAFANA_URL": "https://grafana.example/",
    "SUTURE_NOTIFY_GRAFANA_TOKEN": "a-grafana-token",
    "SUTURE_NOTIFY_GITHUB_TOKEN": "a-github-token",
    "SUTURE_NOTIFY_GITLAB_TOKEN": "a-gitlab-token",
}


def test_nobody_is_told_who_is_not_named_and_then_there_is_no_notifier() -> None:
    assert not configured_sinks(read_settings({}))
    assert "notifier" not in parts_of(Settings())


@pytest.mark.parametrize(
    ("names", "sink"),
    [
        (["SUTURE_NOTIFY_CDEVENTS"], "cdevents"),
        (["SUTURE_NOTIFY_DATADOG_KEY"], "datadog"),
        (["SUTURE_NOTIFY_GRAFANA_URL", "SUTURE_NOTIFY_GRAFANA_TOKEN"], "grafana"),
        (["SUTURE_NOTIFY_GITHUB_TOKEN"], "github"),
        (["SUTURE_NOTIFY_GITLAB_TOKEN"], "gitlab"),
    ],
)
def test_a_tool_that_is_named_has_a_sink_and_the_tree_a_notifier(names: list[str], sink: str) -> None:
    settings = read_settings({name: EVERYTHING[name] for name in names})
    assert list(configured_sinks(settings)) == [sink]
    assert parts_of(settings)["notifier"] == ["notifier"]


def test_an_app_of_github_is_an_app_and_its_installation_with_a_key() -> None:
    given = {"SUTURE_NOTIFY_GITHUB_APP": "7:42", "SUTURE_NOTIFY_GITHUB_APP_KEY": "-----BEGIN\nkey\n-----END"}
    assert read_notifier_settings(given).github_app == (7, 42)
    assert list(configured_sinks(read_settings(given))) == ["github"]


def test_a_key_that_cannot_sign_ends_the_notifier_before_anything_is_told() -> None:
    settings = read_settings({"SUTURE_NOTIFY_GITHUB_APP": "7:42", "SUTURE_NOTIFY_GITHUB_APP_KEY": "no key"})
    with pytest.raises(SettingsError, match="the GitHub App's key is no private key, expected PEM"):
        Notifier(settings, configured_sinks(settings)).run(threading.Event())


def test_settings_show_no_secret() -> None:
    shown = repr(read_notifier_settings(EVERYTHING))
    assert not any(secret in shown for name, secret in EVERYTHING.items() if name.endswith(("KEY", "TOKEN")))


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("a-datadog-key\n")
    assert (
        read_notifier_settings({"SUTURE_NOTIFY_DATADOG_KEY_FILE": str(file)}).datadog_key == "a-datadog-key"
    )


def test_an_outage_is_caught_up_with_for_a_day_unless_another_bound_is_set() -> None:
    assert read_notifier_settings({}).oldest == timedelta(days=1)
    assert read_notifier_settings({"SUTURE_NOTIFY_OLDEST_SECONDS": "3600"}).oldest == timedelta(hours=1)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"SUTURE_NOTIFY_CDEVENTS": "yes"}, "SUTURE_NOTIFY_CDEVENTS is 'yes', expected on or off"),
        ({"SUTURE_NOTIFY_OLDEST_SECONDS": "1"}, "SUTURE_NOTIFY_OLDEST_SECONDS is '1'"),
        ({"SUTURE_NOTIFY_GRAFANA_URL": "https://grafana.example"}, "only one of SUTURE_NOTIFY_GRAFANA_URL"),
        ({"SUTURE_NOTIFY_GRAFANA_URL": "grafana.example"}, "expected an address that begins with https://"),
        ({"SUTURE_NOTIFY_GITHUB_APP": "7:42"}, "only one of SUTURE_NOTIFY_GITHUB_APP"),
        ({"SUTURE_NOTIFY_GITHUB_APP": "seven"}, "expected APP:INSTALLATION"),
        ({"SUTURE_NOTIFY_GITLAB_TOKEN_FILE": "/nowhere"}, "SUTURE_NOTIFY_GITLAB_TOKEN_FILE names /nowhere"),
        ({"SUTURE_NOTIFY_GITHUB_TOKEN": "ghp_ended\nghp_new"}, "holds a character that no token has"),
    ],
)
def test_a_wrong_setting_is_named(given: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_notifier_settings(given)
    assert told in str(error.value)
    assert "ghp_" not in str(error.value)


def test_the_page_names_every_setting_and_no_other() -> None:
    page = (Path(__file__).parents[2] / "docs/notifications.md").read_text(encoding="utf-8")
    source = (Path(__file__).parents[2] / "streams/notifier_settings.py").read_text(encoding="utf-8")
    named = {word for word in _names(page) if not word.endswith("_FILE")}
    assert named == {word for word in _names(source) if not word.endswith("_FILE")}


def _names(text: str) -> set[str]:
    words = text.replace("`", " ").replace('"', " ").replace("=", " ").replace(",", " ").split()
    return {word.rstrip(".;:)") for word in words if word.startswith("SUTURE_NOTIFY_")}
