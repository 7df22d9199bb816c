"""OpenVEX: which vulnerabilities do not matter here, and why. This is where reachability is said.

Source: OpenVEX specification 0.2.0, "Statement" and "Status Labels". Nothing is said about who signed a
document: whoever may hand a report to the gate may lower a finding.
"""

from actions.quality.readers.fields import objects_of, optional_text
from schemas.cloudevents import read_instant
from schemas.errors import SchemaError
from schemas.foreign_json import Json, require_object
from schemas.instants import EPOCH
from schemas.reports import Assessment, AssessmentsReport

_CONTEXT = "https://openvex.dev/"
_STATES = ("not_affected", "affected", "fixed", "under_investigation")
_LOWERS = ("not_affected", "fixed")


def is_openvex(top: dict[str, Json]) -> bool:
    """Return whether it is an OpenVEX document."""
    context = top.get("@context")
    return isinstance(context, str) and context.startswith(_CONTEXT)


def read_openvex(top: dict[str, Json]) -> AssessmentsReport:
    """Return the statements; of several on one vulnerability and product the newest.

    Raises:
        SchemaError: a statement has no vulnerability, or a status that the standard does not know.
    """
    whole = optional_text(top, "timestamp", "the VEX document")
    dated = []
    for place, entry in enumerate(objects_of(top, "statements", "the VEX document")):
        when = optional_text(entry, "timestamp", "a statement") or whole
        instant = read_instant("timestamp of a statement", when) if when else EPOCH
        dated.append((instant, place, entry))
    newest: dict[tuple[str, str], Assessment] = {}
    for _, _, entry in sorted(dated, key=lambda found: found[:2]):
        statement = _statement(entry)
        for product in statement.products or ("",):
            newest[(statement.vulnerability, product)] = Assessment(
                vulnerability=statement.vulnerability,
                products=(product,) if product else (),
                is_affected=statement.is_affected,
                justification=statement.justification,
            )
    return AssessmentsReport(assessments=tuple(newest.values()))


def _statement(entry: dict[str, Json]) -> Assessment:
    status = optional_text(entry, "status", "a statement")
    if status not in _STATES:
        raise SchemaError(f"status of a statement is unknown, expected one of {', '.join(_STATES)}")
    return Assessment(
        vulnerability=_name(entry.get("vulnerability")),
        products=tuple(product for product in _products(entry) if product),
        is_affected=status not in _LOWERS,
        justification=optional_text(entry, "justification", "a statement"),
    )


def _name(value: Json) -> str:
    """Return the vulnerability's name; before 0.2.0 it was the text itself."""
    given: Json = {"name": value} if isinstance(value, str) else value
    name = optional_text(require_object(given, "vulnerability of a statement"), "name", "a vulnerability")
    if not name:
        raise SchemaError("a statement names no vulnerability")
    return name


def _products(entry: dict[str, Json]) -> list[str]:
    products = entry.get("products")
    if isinstance(products, list) and any(isinstance(product, str) for product in products):
        entry = {"products": [{"@id": product} for product in products]}
    names = []
    for product in objects_of(entry, "products", "a statement"):
        names.append(optional_text(product, "@id", "a product"))
        names.extend(
            optional_text(part, "@id", "a subcomponent")
            for part in objects_of(product, "subcomponents", "a product")
        )
    return names
