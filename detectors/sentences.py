"""Sentences: evidence in words, with the numbers of both sides."""

from math import exp

from detectors.presence import Silence
from detectors.weighing import Weighed
from schemas.judgements import ROUTE_EDGE, Side
from schemas.signals import Signal, SignalKind


def counted(number: float, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "pod"), counted(4512, "request")
    ('1 pod', '4,512 requests')
    """
    return f"{number:,.0f} {noun}{'' if number == 1 else 's'}"


def quantity(value: float) -> str:
    """Return a number as short as it may be without hiding anything.

    >>> quantity(0.123456), quantity(13020.0), quantity(0.0)
    ('0.123', '13,020', '0')
    """
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def times_likelier(log_e: float) -> str:
    """Return an e-value in words.

    >>> times_likelier(21.416), times_likelier(0.0)
    ('2e9', '1')
    """
    power = log_e / 2.302585092994046
    if power >= 6:
        digits = round(10 ** (power % 1))
        return f"1e{int(power) + 1}" if digits == 10 else f"{digits}e{int(power)}"
    return f"{exp(log_e):,.0f}" if power >= 1 else f"{exp(log_e):.2g}"


_SHARED = "; it convicts nobody, because stable pods show the same damage"


def evidence_text(
    signal: Signal, weighed: Weighed, edge: str, threshold_log_e: float, before: str = "before the release"
) -> str:
    """Return evidence as one sentence, such as `errors 12.3 % of 4,512 on 1 canary pod against ...`."""
    route = edge.removeprefix(ROUTE_EDGE)
    caller = f" on {route}" if route != edge else f" as called by {edge}" if edge else ""
    other = before if weighed.control == weighed.quiet else ""
    return (
        f"{_name(signal)}{caller} {_level(signal, weighed.canary)} "
        f"on {counted(weighed.canary.pods, 'canary pod')} "
        f"against {_level(signal, weighed.control)} on {counted(weighed.control.pods, 'stable pod')}"
        f"{' ' + other if other else ''}; "
        f"{times_likelier(weighed.log_e)} times likelier than chance "
        f"({times_likelier(threshold_log_e)} needed, {_margin(signal, weighed.margin)} allowed for)"
        f"{_SHARED if weighed.predates and weighed.log_e > 0 else ''}"
    )


def callers_text(
    signal: Signal, weighed: Weighed, edge: str, threshold_log_e: float, before: str = "before the release"
) -> str:
    """Return the sentence for what a caller sees, against what it saw before the release."""
    return (
        f"{edge} sees {_name(signal)} {_level(signal, weighed.canary)} "
        f"against {_level(signal, weighed.quiet)} {before}; "
        f"{times_likelier(weighed.log_e)} times likelier than chance "
        f"({times_likelier(threshold_log_e)} needed, {_margin(signal, weighed.margin)} allowed for)"
        f"{_SHARED if weighed.predates and weighed.log_e > 0 else ''}"
    )


def _name(signal: Signal) -> str:
    if signal.bound is None:
        return signal.name
    than = "slower than" if signal.unit == "s" else "above"
    return f"{signal.name} ({than} {quantity(signal.bound)} {signal.unit})"


def _margin(signal: Signal, margin: float) -> str:
    if signal.kind is SignalKind.COUNTS:
        return f"{quantity(100 * margin)} %"
    return f"{quantity(margin)}{'' if signal.unit == '1' else ' ' + signal.unit}"


def _level(signal: Signal, side: Side) -> str:
    if side.level is None:
        return "nothing"
    match signal.kind:
        case SignalKind.COUNTS:
            return f"{quantity(100 * side.level)} % of {side.exposure:,.0f}"
        case SignalKind.MEANS:
            return f"{quantity(side.level)} {signal.unit} over {side.exposure:,.0f}"
        case SignalKind.LEVELS:
            unit = "" if signal.unit == "1" else f" {signal.unit}"
            return f"{quantity(side.level)}{unit} in {counted(side.intervals, 'interval')}"


def silence_text(hush: Silence, stable: Side, threshold_log_e: float, what: str) -> str:
    """Return the sentence for a canary that says nothing, or gets nothing, while its twins do.

    It ends with what would change it: intervals that are missing, or witnesses.
    """
    text = (
        f"the canary {what} for {counted(hush.intervals, 'interval')} "
        f"while {counted(stable.pods, 'stable pod')} did; "
        f"{times_likelier(hush.log_e)} times likelier than chance ({times_likelier(threshold_log_e)} needed)"
    )
    if hush.more:
        return f"{text}; {counted(hush.more, 'more interval')} of it would be enough"
    if hush.more is None and hush.lost < 1.0:
        return f"{text}; no fewer pods speak than before the release, so callers may just keep to those"
    return text
