"""Settings for webhooks that the gateway takes: a part of `streams.settings`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.deploying_runs import DeployingRuns
from schemas.errors import SchemaError, SettingsError
from schemas.names import environment_name, service_name
from schemas.webhook_deploys import WebhookNames
from schemas.webhook_signatures import SHORTEST_SECRET, standard_webhook_key
from streams.deploying_run_settings import read_deploying_runs
from streams.secret_settings import secret_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Who may tell of deployments by webhook, and how their names are read.

    A secret has its own variable, or a file's name in the same with `_FILE` behind it. Each may hold
    several, one a line: any of them counts while one is being replaced. Without one the vendor's route
    is not there.

    Attributes:
        github: What GitHub signs with. `SUTURE_GITHUB_WEBHOOK_SECRET`.
        gitlab: Keys that GitLab signs with, `whsec_...` before they were decoded.
            `SUTURE_GITLAB_WEBHOOK_SECRET`.
        gitlab_tokens: What GitLab sends that does not sign. `SUTURE_GITLAB_WEBHOOK_TOKEN`.
        argo_cd: Bearer tokens of Argo CD's notifications. `SUTURE_ARGOCD_WEBHOOK_TOKEN`.
        alertmanager: Bearer tokens of Alertmanager, which tells of alerts.
            `SUTURE_ALERTMANAGER_WEBHOOK_TOKEN`.
        alertmanager_users: The same as `user:password`. `SUTURE_ALERTMANAGER_WEBHOOK_BASIC`.
        names: `SUTURE_WEBHOOK_SERVICES` as `OWNER/REPOSITORY=SERVICE,...`; `SUTURE_WEBHOOK_ENVIRONMENTS` as
            `production=prod,staging`.
        runs: Which runs and releases count as deployments, see `streams.deploying_run_settings`.
    """

    github: tuple[bytes, ...] = ()
    gitlab: tuple[bytes, ...] = ()
    gitlab_tokens: tuple[bytes, ...] = ()
    argo_cd: tuple[bytes, ...] = ()
    alertmanager: tuple[bytes, ...] = ()
    alertmanager_users: tuple[bytes, ...] = ()
    names: WebhookNames = field(default_factory=WebhookNames)
    runs: DeployingRuns = field(default_factory=DeployingRuns)

    def __repr__(self) -> str:
        """Return what may be shown: never a secret."""
        return f"WebhookSettings(names={self.names!r}, runs={self.runs!r})"


def read_webhook_settings(given: Mapping[str, str]) -> WebhookSettings:
    """Return the settings that the environment gives.

    Raises:
        SettingsError: a variable holds what it must not; never repeats a secret.
    """
    keys: list[bytes] = []
    for line in secret_lines(given, "SUTURE_GITLAB_WEBHOOK_SECRET"):
        try:
            keys.append(standard_webhook_key(line))
        except SettingsError as error:
            raise SettingsError(f"SUTURE_GITLAB_WEBHOOK_SECRET: {error}") from error
    return WebhookSettings(
        github=_secrets(given, "SUTURE_GITHUB_WEBHOOK_SECRET"),
        gitlab=_long_enough("SUTURE_GITLAB_WEBHOOK_SECRET", keys),
        gitlab_tokens=_secrets(given, "SUTURE_GITLAB_WEBHOOK_TOKEN"),
        argo_cd=_secrets(given, "SUTURE_ARGOCD_WEBHOOK_TOKEN"),
        alertmanager=_secrets(given, "SUTURE_ALERTMANAGER_WEBHOOK_TOKEN"),
        alertmanager_users=_secrets(given, "SUTURE_ALERTMANAGER_WEBHOOK_BASIC"),
        names=WebhookNames(
            services=_names(given, "SUTURE_WEBHOOK_SERVICES"),
            environments=_names(given, "SUTURE_WEBHOOK_ENVIRONMENTS"),
        ),
        runs=read_deploying_runs(given),
    )


def _secrets(given: Mapping[str, str], name: str) -> tuple[bytes, ...]:
    return _long_enough(name, [line.encode("utf-8", "surrogateescape") for line in secret_lines(given, name)])


def _long_enough(name: str, secrets: list[bytes]) -> tuple[bytes, ...]:
    for secret in secrets:
        if len(secret) < SHORTEST_SECRET:
            raise SettingsError(f"{name} has {len(secret)} bytes, expected at least {SHORTEST_SECRET}")
    return tuple(secrets)


def _names(given: Mapping[str, str], name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in (part.strip() for part in given.get(name, "").split(",") if part.strip()):
        origin, equals, ours = (side.strip() for side in part.partition("="))
        ours = ours if equals else origin
        try:
            checked = service_name(ours) if name.endswith("SERVICES") else environment_name(ours)
        except SchemaError as error:
            raise SettingsError(f"{name} has {part!r}, expected THEIRS=OURS: {error}") from error
        if not origin or origin in found:
            raise SettingsError(f"{name} has {part!r}, expected each name once, as THEIRS=OURS")
        found[origin] = checked
    return found
