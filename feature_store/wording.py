"""Numbers as people say them: spans of time, odds, and how strong evidence is."""

from datetime import UTC, datetime, timedelta
from math import exp, floor, log10


def span(duration: timedelta) -> str:
    """Return a duration in its two largest units.

    >>> span(timedelta(minutes=10, seconds=30)), span(timedelta(hours=26, minutes=5)), span(timedelta(0))
    ('10 min 30 s', '1 d 2 h', '0 s')
    """
    seconds = round(abs(duration).total_seconds())
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def since(start: datetime, instant: datetime) -> str:
    """Return an instant as hours, minutes and seconds from a start.

    >>> since(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 1, 2, 3, tzinfo=UTC))
    '+01:02:03'
    """
    seconds = round((instant - start).total_seconds())
    sign = "-" if seconds < 0 else "+"
    minutes, rest = divmod(abs(seconds), 60)
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"


def after(start: datetime, instant: datetime) -> str:
    """Return how long after or before a start an instant is.

    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> after(noon, noon + timedelta(minutes=5)), after(noon, noon - timedelta(seconds=30))
    ('5 min after', '30 s before')
    """
    return f"{span(instant - start)} {'before' if instant < start else 'after'}"


def clock(instant: datetime) -> str:
    """Return an instant to the second, in UTC.

    >>> clock(datetime(2026, 11, 23, 3, 0, tzinfo=UTC))
    '2026-11-23 03:00:00 UTC'
    """
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def two_digits(value: float) -> str:
    """Return a positive number to two significant digits, with thousands set apart.

    >>> two_digits(10_938.0), two_digits(164.0), two_digits(2.449)
    ('11,000', '160', '2.4')
    """
    places = 1 - floor(log10(value))
    rounded = round(value, places)
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:.{max(places, 0)}f}"


def at_most(chance: float) -> str:
    """Return a bound on a probability as a frequency.

    >>> at_most(1 - 0.9999), at_most(0.0), at_most(0.3)
    ('at most once in 10,000', 'less than once in a million', 'at most 30 times in 100')
    """
    if chance < 1e-6:
        return "less than once in a million"
    if chance > 0.1:
        return f"at most {100 * chance:.0f} times in 100"
    return f"at most once in {two_digits(1 / chance)}"


def strength(log_e: float, threshold_log_e: float) -> str:
    """Return how strong evidence is, in numbers.

    >>> strength(9.3, 5.1)
    '11,000 times likelier than chance (160 needed)'
    >>> strength(900.0, 5.1)
    'over a million times likelier than chance (160 needed)'
    """

    def times(exponent: float) -> str:
        # exp() overflows at 709, and beyond a million no reader gains from the number.
        return two_digits(exp(exponent)) if -13.8 < exponent < 13.8 else "over a million"

    if log_e < -4:
        return f"less likely than chance ({times(threshold_log_e)} times needed)"
    return f"{times(log_e)} times likelier than chance ({times(threshold_log_e)} needed)"


def weight(log_e: float, threshold_log_e: float) -> str:
    """Return what evidence means, in words.

    >>> weight(9.3, 5.1), weight(2.0, 5.1), weight(-0.4, 5.1)
    ('Enough to convict', 'Speaks against it, not enough to convict', 'Says nothing against it')
    """
    if log_e >= threshold_log_e:
        return "Enough to convict"
    # Up to e times likelier than chance is what chance itself often gives.
    return "Speaks against it, not enough to convict" if log_e > 1 else "Says nothing against it"


def level(value: float | None) -> str:
    """Return a level in the signal's unit.

    >>> level(0.0410001), level(None)
    ('0.041', 'no reading')
    """
    return "no reading" if value is None else f"{value:.4g}"


def sentence(text: str) -> str:
    """Return a text that may or may not end in a full stop with exactly one.

    >>> sentence("it recovered"), sentence("it recovered.")
    ('it recovered.', 'it recovered.')
    """
    return text.rstrip(". ") + "."


def words(name: str) -> str:
    """Return a stored name as words.

    >>> words("no_rollback_template")
    'no rollback template'
    """
    return name.replace("_", " ")


def printable(text: str) -> str:
    r"""Return a text as one line without control characters: versions and reasons come from strangers.

    >>> printable("all\x1b[2J well\nsaid")
    'all?[2J well?said'
    """
    return "".join(letter if letter.isprintable() else "?" for letter in text)
