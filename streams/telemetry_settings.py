"""Settings for telemetry that comes in by HTTP: a part of `streams.settings`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from schemas.errors import SchemaError, SettingsError
from schemas.keys import EnvironmentName
from schemas.names import environment_name
from schemas.prometheus_labels import DEFAULT_LABELS, LabelNames

_ROLES = ("service", "environment", "pod", "version", "template", "ignored", "gauges")


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySettings:
    """Who may send telemetry, and how Prometheus' labels are read.

    Attributes:
        tokens: `name:token,...`, one of which the routes for telemetry then ask for; "" leaves them open, as
            OpenTelemetry's receivers are. `SUTURE_TELEMETRY_TOKENS`.
        labels: `SUTURE_PROMETHEUS_LABELS` as `service=team_service|app,version=image_tag`: each role's
            labels, first choice first. `SUTURE_PROMETHEUS_ENVIRONMENTS` as `shop-prod=prod,...`; namespaces
            of `SUTURE_WATCH` are known without it.
    """

    tokens: str = field(default="", repr=False)
    labels: LabelNames = DEFAULT_LABELS


def read_telemetry_settings(
    given: Mapping[str, str], tokens: str, watch: tuple[tuple[EnvironmentName, str], ...]
) -> TelemetrySettings:
    """Return the settings that the environment gives.

    Args:
        given: The environment's variables.
        tokens: What `SUTURE_TELEMETRY_TOKENS` holds, or the file that it names.
        watch: Environment and namespace of what is watched.

    Raises:
        SettingsError: a variable holds what it must not.
    """
    labels = DEFAULT_LABELS
    for part in _parts(given, "SUTURE_PROMETHEUS_LABELS"):
        role, equals, listed = (side.strip() for side in part.partition("="))
        names = tuple(name.strip() for name in listed.split("|") if name.strip())
        if role not in _ROLES or not equals:
            raise SettingsError(
                f"SUTURE_PROMETHEUS_LABELS has {part!r}, expected ROLE=LABEL|LABEL with a role of "
                f"{', '.join(_ROLES)}"
            )
        changed: dict[str, Any] = {role: names}
        labels = replace(labels, **changed)
    environments = {namespace: environment for environment, namespace in watch}
    for part in _parts(given, "SUTURE_PROMETHEUS_ENVIRONMENTS"):
        theirs, equals, ours = (side.strip() for side in part.partition("="))
        try:
            environments[theirs] = environment_name(ours)
        except SchemaError as error:
            raise SettingsError(
                f"SUTURE_PROMETHEUS_ENVIRONMENTS has {part!r}, expected THEIRS=OURS: {error}"
            ) from error
        if not theirs or not equals:
            raise SettingsError(f"SUTURE_PROMETHEUS_ENVIRONMENTS has {part!r}, expected THEIRS=OURS")
    return TelemetrySettings(tokens=tokens, labels=replace(labels, environments=tuple(environments.items())))


def variables_of(settings: TelemetrySettings) -> dict[str, str]:
    """Return the variables that give a child process the same settings."""
    changed = {
        one.name: "|".join(getattr(settings.labels, one.name))
        for one in fields(LabelNames)
        if one.name in _ROLES and getattr(settings.labels, one.name) != getattr(DEFAULT_LABELS, one.name)
    }
    return {
        "SUTURE_TELEMETRY_TOKENS": settings.tokens,
        "SUTURE_PROMETHEUS_LABELS": ",".join(f"{role}={names}" for role, names in changed.items()),
        "SUTURE_PROMETHEUS_ENVIRONMENTS": ",".join(
            f"{theirs}={ours}" for theirs, ours in settings.labels.environments
        ),
    }


def _parts(given: Mapping[str, str], name: str) -> list[str]:
    return [part.strip() for part in given.get(name, "").split(",") if part.strip()]
