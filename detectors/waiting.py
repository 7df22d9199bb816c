"""What is still missing before a release may be called healthy, in words and numbers.

Hours of watching prove nothing on a canary that gets three requests a minute. So beside time and intervals,
as many requests are asked for as would have shown one in ten of them failing, or ten times what is normal
where that is more. How many those are: each request adds to the evidence, on average, the divergence of the
rate that is feared from the largest harmless one, both taken as Poisson's.

Good at saying when to look again. Rough where errors come in bursts, which need more.
"""

from dataclasses import dataclass
from math import ceil, log

from detectors.case import Case, Finding
from detectors.sentences import counted, quantity
from schemas.signals import Signal, SignalKind

FEARED_RATE = 0.1
"""Events per request that a healthy release must have had the chance to show. Smaller keeps services with
little traffic waiting for hours; larger calls canaries healthy that nobody used."""

FEARED_RATIO = 10.0
"""The same relative to the normal rate, where that is high already."""

LEARNING = 2.0
"""Evidence that is lost, as a log, because neither rate is known beforehand."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """A canary's requests and how many would show what.

    Attributes:
        requests: What it had.
        feared: How many would have shown the feared rate.
        doubling: How many would have shown a doubling; None where no rate is known to double.
        text: The feared rate in words.
    """

    requests: float
    feared: int
    doubling: int | None
    text: str


def traffic_of(case: Case, said: tuple[Finding, ...]) -> Traffic | None:
    """Return what the canary's requests can show; None where no signal that convicts counts requests."""
    for signal in case.rule.signals:
        if signal.kind is not SignalKind.COUNTS:
            continue
        own = [f for f in said if f.is_own and f.can_convict and not f.is_route]
        told = [f.evidence for f in own if f.evidence.signal == signal.name]
        requests = sum(evidence.canary.exposure for evidence in told)
        if requests <= 0:
            continue
        exposure = sum(evidence.control.exposure for evidence in told)
        events = sum((evidence.control.level or 0.0) * evidence.control.exposure for evidence in told)
        level = events / exposure if exposure > 0 else 0.0
        return _traffic(signal, requests, level, min(evidence.threshold_log_e for evidence in told))
    return None


def _traffic(signal: Signal, requests: float, level: float, threshold: float) -> Traffic:
    harmless = max(level * (1.0 + signal.margin_ratio), level + signal.margin_floor, 1e-6)
    feared = min(max(FEARED_RATE, FEARED_RATIO * harmless), 1.0)
    doubled = 2.0 * level
    return Traffic(
        requests=requests,
        feared=_needed(harmless, feared, threshold),
        doubling=_needed(harmless, doubled, threshold) if doubled > 1.05 * harmless else None,
        text=f"{signal.name} of {quantity(100 * feared)} %",
    )


def _needed(harmless: float, feared: float, threshold: float) -> int:
    """Return how many requests show one rate against another, in units of events per request."""
    gained = feared * log(feared / harmless) - (feared - harmless)
    return ceil((threshold + LEARNING) / gained) if gained > 0 else 1


def missing(case: Case, spoken: int, traffic: Traffic | None) -> tuple[str, ...]:
    """Return what a healthy verdict still needs, each in a few words; empty when nothing is missing.

    Args:
        case: The look.
        spoken: Intervals in which the canary spoke.
        traffic: Its requests, where they are counted.
    """
    judge = case.rule.judge
    wanted = []
    if spoken < judge.min_intervals:
        wanted.append(counted(judge.min_intervals - spoken, "more interval") + " of the canary")
    waiting = judge.min_watch - case.seen * judge.interval
    if waiting.total_seconds() > 0:
        wanted.append(f"{waiting} more of watching")
    if traffic is not None and traffic.requests < traffic.feared:
        more = counted(ceil(traffic.feared - traffic.requests), "more request")
        wanted.append(f"about {more} to see {traffic.text}")
    return tuple(wanted)


def reach(traffic: Traffic | None) -> str:
    """Return what a healthy verdict does not exclude, as the end of a sentence; "" where nothing is known."""
    if traffic is None or traffic.doubling is None:
        return ""
    if traffic.requests >= traffic.doubling:
        return f"; its {traffic.requests:,.0f} requests would have shown a doubling"
    more = counted(traffic.doubling - traffic.requests, "more request")
    return f"; about {more} would be needed to see a doubling"
