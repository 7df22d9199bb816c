"""Infracost's JSON: what the infrastructure of the change will cost a month.

Source: infracost.schema.json 0.2. Amounts are texts or null, and stay what they are: no currency is
turned into another.
"""

import re

from actions.quality.readers.fields import count_of, decimal_text, number_of, object_of
from schemas.errors import SchemaError
from schemas.foreign_json import Json
from schemas.reports import CostReport

_CURRENCY = re.compile(r"[A-Z]{3}")


def is_infracost(top: dict[str, Json]) -> bool:
    """Return whether it is a breakdown or a diff of Infracost."""
    return isinstance(top.get("projects"), list) and "currency" in top


def read_infracost(top: dict[str, Json]) -> CostReport:
    """Return the cost with the change, and without it where the file tells.

    Raises:
        SchemaError: the currency is none, or an amount no number.
    """
    currency = top.get("currency")
    if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
        raise SchemaError("currency of the Infracost report is no code of three letters")
    unsupported = object_of(
        object_of(top, "summary", "the Infracost report"), "unsupportedResourceCounts", "the summary"
    )
    monthly = _amount(top.get("totalMonthlyCost"), "totalMonthlyCost")
    past = _amount(top.get("pastTotalMonthlyCost"), "pastTotalMonthlyCost")
    change = _amount(top.get("diffTotalMonthlyCost"), "diffTotalMonthlyCost")
    if past is None and change is not None and monthly is not None:
        past = monthly - change
    return CostReport(
        currency=currency,
        monthly=monthly,
        past_monthly=past,
        unsupported=sum(count_of(count, "a count of resources") for count in unsupported.values()),
    )


def _amount(value: Json, what: str) -> float | None:
    if value is None or value == "":
        return None
    return decimal_text(value, what) if isinstance(value, str) else number_of(value, what)
