"""Settings for what other tools are told: a part of `streams.settings`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from schemas.errors import SettingsError
from streams.secret_settings import secret_text

_DATADOG = "https://api.datadoghq.com"
_LONGEST_S = 30 * 24 * 60 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierSettings:
    """Which tools are told, and how they are reached. Nobody is told who is not named here.

    A secret has its own variable, or a file's name in the same with `_FILE` behind it.

    Attributes:
        oldest: Age from which an effect is not told any more. Shorter leaves more out after an outage,
            longer tells people of what has long passed. `SUTURE_NOTIFY_OLDEST_SECONDS`.
        cdevents: CDEvents are published on `cdevents-out`. `SUTURE_NOTIFY_CDEVENTS` as `on`.
        datadog_key: API key of Datadog; "" for none. `SUTURE_NOTIFY_DATADOG_KEY`.
        datadog_application_key: Marks deployments as failed and sends change events; "" for neither.
            `SUTURE_NOTIFY_DATADOG_APPLICATION_KEY`.
        datadog: Base of Datadog's API at one's site. `SUTURE_NOTIFY_DATADOG_URL`.
        grafana: Address of Grafana; "" for none. `SUTURE_NOTIFY_GRAFANA_URL`.
        grafana_token: Of a service account that may read and write annotations.
            `SUTURE_NOTIFY_GRAFANA_TOKEN`.
        github_token: May write deployments; "" for none. `SUTURE_NOTIFY_GITHUB_TOKEN`.
        github_app: Id of a GitHub App and of its installation, as `APP:INSTALLATION`, which may write
            deployments and checks; "" for none. `SUTURE_NOTIFY_GITHUB_APP`.
        github_app_key: The App's private key in PEM. `SUTURE_NOTIFY_GITHUB_APP_KEY`.
        gitlab_token: May write commits' statuses; "" for none. `SUTURE_NOTIFY_GITLAB_TOKEN`.
    """

    oldest: timedelta = timedelta(hours=24)
    cdevents: bool = False
    datadog_key: str = ""
    datadog_application_key: str = ""
    datadog: str = _DATADOG
    grafana: str = ""
    grafana_token: str = ""
    github_token: str = ""
    github_app: tuple[int, int] | None = None
    github_app_key: str = ""
    gitlab_token: str = ""

    def __repr__(self) -> str:
        """Return what may be shown: never a secret."""
        return f"NotifierSettings(oldest={self.oldest!r}, cdevents={self.cdevents!r})"


def read_notifier_settings(given: Mapping[str, str]) -> NotifierSettings:
    """Return the settings that the environment gives.

    Raises:
        SettingsError: a variable holds what it must not; never repeats a secret.
    """
    oldest = given.get("SUTURE_NOTIFY_OLDEST_SECONDS", "").strip() or "86400"
    if not oldest.isdecimal() or not 60 <= int(oldest) <= _LONGEST_S:
        raise SettingsError(
            f"SUTURE_NOTIFY_OLDEST_SECONDS is {oldest!r}, expected whole seconds from 60 to 30 days"
        )
    found = NotifierSettings(
        oldest=timedelta(seconds=int(oldest)),
        cdevents=_switch(given, "SUTURE_NOTIFY_CDEVENTS"),
        datadog_key=_secret(given, "SUTURE_NOTIFY_DATADOG_KEY"),
        datadog_application_key=_secret(given, "SUTURE_NOTIFY_DATADOG_APPLICATION_KEY"),
        datadog=_address(given, "SUTURE_NOTIFY_DATADOG_URL") or _DATADOG,
        grafana=_address(given, "SUTURE_NOTIFY_GRAFANA_URL"),
        grafana_token=_secret(given, "SUTURE_NOTIFY_GRAFANA_TOKEN"),
        github_token=_secret(given, "SUTURE_NOTIFY_GITHUB_TOKEN"),
        github_app=_app(given.get("SUTURE_NOTIFY_GITHUB_APP", "").strip()),
        github_app_key=_secret(given, "SUTURE_NOTIFY_GITHUB_APP_KEY"),
        gitlab_token=_secret(given, "SUTURE_NOTIFY_GITLAB_TOKEN"),
    )
    if bool(found.grafana) != bool(found.grafana_token):
        raise SettingsError(_pair("SUTURE_NOTIFY_GRAFANA_URL", "SUTURE_NOTIFY_GRAFANA_TOKEN"))
    if bool(found.github_app) != bool(found.github_app_key):
        raise SettingsError(_pair("SUTURE_NOTIFY_GITHUB_APP", "SUTURE_NOTIFY_GITHUB_APP_KEY"))
    return found


def _pair(one: str, other: str) -> str:
    return f"only one of {one} and {other} is set, expected both or none"


def _switch(given: Mapping[str, str], name: str) -> bool:
    text = given.get(name, "").strip().lower()
    if text not in ("", "on", "off"):
        raise SettingsError(f"{name} is {text!r}, expected on or off")
    return text == "on"


def _app(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    app, _, installation = text.partition(":")
    if not app.isdecimal() or not installation.isdecimal():
        raise SettingsError(f"SUTURE_NOTIFY_GITHUB_APP is {text!r}, expected APP:INSTALLATION as two numbers")
    return int(app), int(installation)


def _address(given: Mapping[str, str], name: str) -> str:
    text = given.get(name, "").strip()
    if text and not text.startswith(("https://", "http://")):
        raise SettingsError(f"{name} is {text!r}, expected an address that begins with https://")
    return text.rstrip("/")


def _secret(given: Mapping[str, str], name: str) -> str:
    text = secret_text(given, name).strip()
    # It goes into a header, where a line's end would begin another; a key in PEM does not.
    if not name.endswith("_APP_KEY") and not (text.isascii() and all(c.isprintable() for c in text)):
        raise SettingsError(f"{name} holds a character that no token has")
    return text
