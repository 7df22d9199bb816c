"""Settings of telemetry that comes in by HTTP: what may be said, and that a child process hears the same."""

from pathlib import Path

import pytest

from schemas.errors import SettingsError
from schemas.prometheus_labels import DEFAULT_LABELS
from streams.settings import environment_of, read_settings

TOKEN = "a-token-of-prometheus"


def test_without_a_word_the_usual_labels_count_and_nobody_needs_a_token() -> None:
    telemetry = read_settings({}).telemetry
    assert (telemetry.tokens, telemetry.labels) == ("", DEFAULT_LABELS)


def test_roles_and_environments_are_read_and_handed_on() -> None:
    settings = read_settings(
        {
            "SUTURE_TELEMETRY_TOKENS": f"prometheus:{TOKEN}",
            "SUTURE_PROMETHEUS_LABELS": "service=team_service|app, gauges=queue_count",
            "SUTURE_PROMETHEUS_ENVIRONMENTS": "shop-prod=prod",
            "SUTURE_WATCH": "dev=shop-dev",
        }
    )
    labels = settings.telemetry.labels
    assert (labels.service, labels.gauges) == (("team_service", "app"), ("queue_count",))
    assert dict(labels.environments) == {"shop-dev": "dev", "shop-prod": "prod"}
    assert labels.pod == DEFAULT_LABELS.pod
    assert read_settings(environment_of(settings)).telemetry == settings.telemetry
    assert TOKEN not in repr(settings.telemetry)


def test_tokens_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"prometheus:{TOKEN}\n", encoding="utf-8")
    assert (
        read_settings({"SUTURE_TELEMETRY_TOKENS_FILE": str(file)}).telemetry.tokens == f"prometheus:{TOKEN}"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SUTURE_PROMETHEUS_LABELS", "servce=app"),
        ("SUTURE_PROMETHEUS_LABELS", "service"),
        ("SUTURE_PROMETHEUS_ENVIRONMENTS", "shop-prod"),
        ("SUTURE_PROMETHEUS_ENVIRONMENTS", "shop-prod=a/b"),
        ("SUTURE_PROMETHEUS_ENVIRONMENTS", "=prod"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings({name: text})
