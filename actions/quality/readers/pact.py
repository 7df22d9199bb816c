"""Pact verification results, as a verifier publishes them to a Pact Broker.

Source: Pact documentation, "Pact Broker", "Publish verification results": `success`,
`providerApplicationVersion`, and `testResults` where the verifier knows them.
"""

from actions.quality.readers.fields import objects_of, optional_text
from schemas.errors import SchemaError
from schemas.foreign_json import Json
from schemas.reports import ContractReport


def is_pact(top: dict[str, Json]) -> bool:
    """Return whether it is a verification result."""
    return "providerApplicationVersion" in top and "success" in top


def read_pact(top: dict[str, Json]) -> ContractReport:
    """Return whether the provider keeps its contracts, and which interactions broke.

    Raises:
        SchemaError: `success` is no boolean, or it contradicts the interactions.
    """
    is_kept = _truth(top, "the verification result")
    broken, count = [], 0
    for entry in objects_of(top, "testResults", "the verification result"):
        count += 1
        if not _truth(entry, "a test result"):
            name = optional_text(entry, "interactionDescription", "a test result") or optional_text(
                entry, "interactionId", "a test result"
            )
            broken.append(name or f"interaction {count}")
    if is_kept and broken:
        raise SchemaError(f"the verification result says success with {len(broken)} broken interactions")
    return ContractReport(
        is_kept=is_kept,
        provider_version=optional_text(top, "providerApplicationVersion", "the verification result"),
        interactions=count,
        broken=tuple(broken),
    )


def _truth(entry: dict[str, Json], what: str) -> bool:
    value = entry.get("success")
    if not isinstance(value, bool):
        raise SchemaError(f"success of {what} is no boolean")
    return value
