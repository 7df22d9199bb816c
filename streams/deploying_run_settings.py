"""Settings that say which runs and releases of a forge count as deployments: a part of webhook_settings."""

import re
from collections.abc import Mapping

from schemas.deploying_runs import PRERELEASE, DeployingRuns
from schemas.errors import SchemaError, SettingsError
from schemas.keys import EnvironmentName
from schemas.names import environment_name

_WORKFLOW = re.compile(r"(?:[^/:@\s]+/[^/:@\s]+:)?[^/]*[^/\s]")
_RELEASE = re.compile(rf"[^/:@\s]+/[^/:@\s]+(?:@{PRERELEASE})?")
_PIPELINE = re.compile(r"[^/:@\s]+(?:/[^/:@\s]+)+(?:@\S+)?")


def read_deploying_runs(given: Mapping[str, str]) -> DeployingRuns:
    """Return what the environment names: nothing counts as a deployment that is not named.

    `SUTURE_GITHUB_WORKFLOWS` as `shop/cart:deploy.yml=prod,deploy=staging`; `SUTURE_GITHUB_RELEASES` as
    `shop/cart=prod,shop/cart@prerelease=staging`; `SUTURE_GITLAB_PIPELINES` as
    `shop/cart=prod,shop/cart@main=staging`.

    Raises:
        SettingsError: a variable holds what it must not.
    """
    return DeployingRuns(
        workflows=_targets(
            given, "SUTURE_GITHUB_WORKFLOWS", _WORKFLOW, "[OWNER/REPOSITORY:]WORKFLOW=ENVIRONMENT"
        ),
        releases=_targets(
            given, "SUTURE_GITHUB_RELEASES", _RELEASE, f"OWNER/REPOSITORY[@{PRERELEASE}]=ENVIRONMENT"
        ),
        pipelines=_targets(given, "SUTURE_GITLAB_PIPELINES", _PIPELINE, "GROUP/PROJECT[@REF]=ENVIRONMENT"),
    )


def _targets(
    given: Mapping[str, str], name: str, form: re.Pattern[str], expected: str
) -> dict[str, EnvironmentName]:
    found: dict[str, EnvironmentName] = {}
    for part in (part.strip() for part in given.get(name, "").split(",") if part.strip()):
        # A ref may hold the sign, an environment hardly does.
        origin, _, environment = (side.strip() for side in part.rpartition("="))
        if not form.fullmatch(origin):
            raise SettingsError(f"{name} has {part!r}, expected {expected}")
        if origin in found:
            raise SettingsError(f"{name} has {origin!r} twice, expected each once, as {expected}")
        try:
            found[origin] = environment_name(environment)
        except SchemaError as error:
            raise SettingsError(f"{name} has {part!r}, expected {expected}: {error}") from error
    return found
