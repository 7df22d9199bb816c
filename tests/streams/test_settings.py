"""Settings come from the environment, are refused with their name, and never show a secret."""

from pathlib import Path

import pytest

from schemas.errors import SettingsError
from streams.gitops import forges_of
from streams.process_tree import parts_of
from streams.settings import environment_of, read_settings

SECRET = "k1:MDEyMzQ1Njc4OWFiY2RlZg=="


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    settings = read_settings({})
    assert (settings.bootstrap, settings.prefix, settings.policy) == ("", "", None)
    assert settings.journal == Path(".suture/journal")
    assert settings.kill_switch == Path(".suture/kill-switch")


def test_a_child_gets_the_same_settings_through_its_environment() -> None:
    settings = read_settings(
        {
            "KAFKA_BOOTSTRAP": "a:1,b:2",
            "SUTURE_PREFIX": "x.",
            "SUTURE_TICK_SECONDS": "0",
            "SUTURE_KEYS": SECRET,
            "SUTURE_CLUSTERS": "one, two",
            "SUTURE_INSTANCE": "here",
            "SUTURE_RUNBOOKS": "runbooks.yaml",
            "SUTURE_KILL_FILE": "/etc/suture/kill-switch",
            "SUTURE_WATCH": "prod=shop-prod, dev=shop-dev",
            "SUTURE_SERVICE_LABEL": "app",
            "SUTURE_GATEWAY": "https://suture.example",
            "SUTURE_HOOK_TOKENS": "flagger:a-token-that-is-long",
        }
    )
    assert read_settings(environment_of(settings)) == settings
    assert settings.clusters == ("one", "two")
    assert (settings.gateway, settings.hook_tokens) == (
        "https://suture.example",
        "flagger:a-token-that-is-long",
    )
    assert settings.watch == (("prod", "shop-prod"), ("dev", "shop-dev"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SUTURE_TICK_SECONDS", "soon"),
        ("SUTURE_SNAPSHOT_SECONDS", "-1"),
        ("SUTURE_REPLICATION", "three"),
        ("SUTURE_WATCH", "shop-prod"),
        ("SUTURE_WATCH", "prod=shop,dev=shop"),
        ("SUTURE_HELM", "/nowhere/at/all"),
        ("SUTURE_LEASE_SECONDS", "5"),
        ("SUTURE_LEASE_SECONDS", "soon"),
        ("SUTURE_GITHUB_TOKEN_FILE", "/nowhere/at/all"),
        ("SUTURE_GITLAB_URL", "gitlab.example"),
        ("SUTURE_KEYS_FILE", "/nowhere/at/all"),
    ],
)
def test_a_wrong_variable_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings({name: value})


def test_a_watcher_runs_where_namespaces_are_named() -> None:
    assert "watcher" not in parts_of(read_settings({}))
    assert parts_of(read_settings({"SUTURE_WATCH": "prod=shop"}))["watcher"] == ["watcher"]


def test_a_secret_is_read_from_its_file_and_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(SECRET + "\n")
    settings = read_settings({"SUTURE_KEYS_FILE": str(file), "SUTURE_TOKENS": "ann:a-secret-token"})
    assert settings.keys == SECRET
    assert SECRET not in repr(settings)
    assert "a-secret-token" not in repr(settings)


def test_a_forge_is_known_by_the_host_that_repositories_name_and_only_with_a_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("a-secret-token\n")
    assert forges_of(read_settings({}).gitops) == {}
    public = read_settings({"SUTURE_GITHUB_TOKEN_FILE": str(file), "SUTURE_GITLAB_TOKEN_FILE": str(file)})
    assert set(forges_of(public.gitops)) == {"github.com", "gitlab.com"}
    assert "a-secret-token" not in repr(public.gitops)
    own = {"SUTURE_GITHUB_URL": "https://git.example/api/v3", "SUTURE_GITHUB_TOKEN_FILE": str(file)}
    assert set(forges_of(read_settings(own).gitops)) == {"git.example"}
