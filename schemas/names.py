"""Names of services and environments as the outside spells them, checked before they become keys."""

from schemas.errors import SchemaError
from schemas.keys import EnvironmentName, ServiceName

LONGEST_NAME = 200
"""Characters; a longer name is a payload in the wrong place."""

DEFAULT_ENVIRONMENT = EnvironmentName("default")
"""Where telemetry belongs that names no environment."""


def why_not_a_name(text: str) -> str | None:
    """Return why the text cannot name a service or an environment, or None when it can.

    A slash is refused because keys are `environment/service` and policy rules are named by them;
    control characters, because keys are printed on terminals.

    >>> why_not_a_name("cart"), why_not_a_name("prod/cart")
    (None, 'holds a slash')
    """
    if not text or text.isspace():
        return "is empty"
    if len(text) > LONGEST_NAME:
        return f"has {len(text)} characters, expected at most {LONGEST_NAME}"
    if "/" in text:
        return "holds a slash"
    if not text.isprintable():
        return "holds a control character"
    return None


def service_name(text: str) -> ServiceName:
    """Return the text as a service's name, without blanks around it.

    Raises:
        SchemaError: it cannot be one.
    """
    return ServiceName(_checked("service name", text.strip()))


def environment_name(text: str) -> EnvironmentName:
    """Return the text as an environment's name, without blanks around it.

    Raises:
        SchemaError: it cannot be one.
    """
    return EnvironmentName(_checked("environment name", text.strip()))


def _checked(what: str, text: str) -> str:
    if (fault := why_not_a_name(text)) is not None:
        raise SchemaError(f"{what} {fault}")
    return text
