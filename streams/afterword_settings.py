"""Settings for what is told of releases after the fact: a part of `streams.settings`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.errors import SchemaError, SettingsError
from schemas.keys import EnvironmentName, ServiceName
from schemas.names import environment_name, service_name

SERVICES_VARIABLE = "SUTURE_PAGERDUTY_SERVICES"


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerDutyServices:
    """Which service of ours each service of PagerDuty's stands for; what is not named says nothing.

    Attributes:
        names: From its id to environment and service.
    """

    names: Mapping[str, tuple[EnvironmentName, ServiceName]] = field(default_factory=dict)


def read_pagerduty_services(text: str, own: str = "") -> PagerDutyServices:
    """Return what `PF9KMXH=prod/cart,...` says.

    Args:
        text: Of the variable.
        own: Id of the service on which we open incidents ourselves.

    Raises:
        SettingsError: an entry is malformed, comes twice, or names our own: we would listen to ourselves.
    """
    names: dict[str, tuple[EnvironmentName, ServiceName]] = {}
    for part in (part.strip() for part in text.split(",") if part.strip()):
        theirs, _, ours = (side.strip() for side in part.partition("="))
        environment, _, service = ours.partition("/")
        if not theirs.isalnum() or theirs in names or theirs == own:
            raise SettingsError(
                f"{SERVICES_VARIABLE} has {part!r}, expected ids, each once, without SUTURE_PAGERDUTY_SERVICE"
            )
        try:
            names[theirs] = (environment_name(environment), service_name(service))
        except SchemaError as error:
            raise SettingsError(
                f"{SERVICES_VARIABLE} has {part!r}, expected ID=ENVIRONMENT/SERVICE: {error}"
            ) from error
    return PagerDutyServices(names=names)
