"""Names and derived ids: the same cause always gives the same id, on every machine and in every replay."""

import re
import uuid
from typing import NewType

ServiceName = NewType("ServiceName", str)
EnvironmentName = NewType("EnvironmentName", str)
SignalName = NewType("SignalName", str)
TemplateHash = NewType("TemplateHash", str)
ReleaseId = NewType("ReleaseId", str)
CommandId = NewType("CommandId", str)
DecisionId = NewType("DecisionId", str)

NO_TEMPLATE = TemplateHash("")
"""The hash of a template that nobody named."""

# Fixed for good: changing it changes every id ever derived.
_NAMESPACE = uuid.UUID("6f1f2b0e-6a0b-5c1c-9a59-0c6f1a7d5e21")
_UNSAFE = re.compile(r"[^A-Za-z0-9._]+")


def derived_id(kind: str, *parts: str) -> str:
    """Return a UUID (version 5) derived from a kind and the parts that identify one thing of it.

    The parts are length-prefixed, so that ("a", "bc") and ("ab", "c") differ.

    >>> derived_id("x", "a", "bc") == derived_id("x", "ab", "c")
    False
    """
    name = "".join(f"{len(part)}:{part}" for part in (kind, *parts))
    return str(uuid.uuid5(_NAMESPACE, name))


def release_id(
    environment: EnvironmentName, service: ServiceName, version: str, event_source: str, event_id: str
) -> ReleaseId:
    """Return the id of the release that one deploy event announces: readable, safe in URLs and file names.

    >>> release_id(EnvironmentName("prod"), ServiceName("cart"), "1.4.2", "ci", "7")
    'prod-cart-1.4.2-92ab94fd'
    """
    tail = derived_id("release", environment, service, version, event_source, event_id)[:8]
    readable = "-".join(_UNSAFE.sub("_", part) for part in (environment, service, version))
    return ReleaseId(f"{readable}-{tail}")


def command_id(release: ReleaseId, playbook: str, step: int) -> CommandId:
    """Return the id of a playbook's step for a release: deciding twice gives one command."""
    return CommandId(derived_id("command", release, playbook, str(step)))


def decision_id(release: ReleaseId, playbook: str) -> DecisionId:
    """Return the id of the decision to use a playbook for a release."""
    return DecisionId(derived_id("decision", release, playbook))


def service_key(environment: EnvironmentName, service: ServiceName) -> str:
    """Return the Kafka key under which everything about one service in one environment is ordered.

    >>> service_key(EnvironmentName("prod"), ServiceName("cart"))
    'prod/cart'
    """
    return f"{environment}/{service}"
