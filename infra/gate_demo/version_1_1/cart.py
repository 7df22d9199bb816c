"""A shop's cart: what it costs, and how it is saved."""

import json
from pathlib import Path

TAX_PERCENT = 19


def total(prices: list[int]) -> int:
    """Return the total in cents, with tax.

    Raises:
        ValueError: a price is negative.
    """
    if any(price < 0 for price in prices):
        raise ValueError("a price is negative")
    return sum(prices) * (100 + TAX_PERCENT) // 100


def save(prices: list[int], file: Path) -> bool:
    """Save a cart and return whether it is the first in this file."""
    is_first = not file.exists()
    file.write_text(json.dumps(prices), encoding="utf-8")
    return is_first


def delivery(prices: list[int], is_express: bool) -> int:
    """Return what the delivery costs in cents; from 50 euros on it is free, unless it is express."""
    if is_express:
        return 990
    if sum(prices) >= 5000:
        return 0
    return 490
