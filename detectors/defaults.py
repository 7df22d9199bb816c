"""Named default rules for kinds of telemetry, the same for every installation that sends that kind.

Pod-minute gauges: one reading per pod and minute of ratios and levels that somebody averaged already, such
as a service mesh's dashboards export. Requests are not known, so success is a level and not a count.
"""

from collections.abc import Mapping
from datetime import timedelta

from schemas.keys import SignalName
from schemas.policy import Autonomy, GateSettings, JudgeSettings, Rule
from schemas.signals import Selector, Signal, SignalKind

SUCCESS, LATENCY, CPU, MEMORY = "pod.success", "pod.latency", "pod.cpu", "pod.memory"


def pod_minute_signals() -> tuple[Signal, ...]:
    """Return the signals of pod-minute gauges; `docs/judge.md` says where the numbers come from."""
    return (
        Signal(
            name=SignalName("failures"),
            kind=SignalKind.LEVELS,
            events=Selector(metric=SUCCESS),
            ceiling=100.0,
            margin_ratio=0.25,
            margin_floor=2.0,
            share=2.0,
            unit="%",
            warm_up=0,
        ),
        Signal(
            name=SignalName("latency"),
            kind=SignalKind.LEVELS,
            events=Selector(metric=LATENCY),
            margin_ratio=0.5,
            margin_floor=5.0,
            unit="ms",
        ),
        Signal(
            name=SignalName("cpu"),
            kind=SignalKind.LEVELS,
            events=Selector(metric=CPU),
            margin_ratio=0.5,
            margin_floor=5.0,
            unit="%",
        ),
        Signal(
            name=SignalName("memory"),
            kind=SignalKind.LEVELS,
            events=Selector(metric=MEMORY),
            margin_ratio=1.0,
            margin_floor=10.0,
            share=0.0,
            unit="%",
        ),
    )


def pod_minute_rule(rollback: Autonomy = Autonomy.ASK) -> Rule:
    """Return the rule of pod-minute gauges.

    Of several services that turn bad together one may be rolled back; the next waits for a human, because
    what hits several services at once is seldom their releases. Blame waits until the neighbours have
    spoken about the same minute, and for no further look: with one reading a minute, it would cost a minute.
    """
    return Rule(
        judge=JudgeSettings(interval=timedelta(minutes=1), silent_intervals=2),
        gate=GateSettings(rollback=rollback, blast_radius=1, blame_wait=timedelta(seconds=1)),
        signals=pod_minute_signals(),
        traffic=Selector(metric="pod.requests"),
    )


def pair_rule(kinds: Mapping[str, bool]) -> Rule:
    """Return the rule of a canary pod beside a baseline pod that both ran the old version before.

    Both sides' past is known, so margins are small: nobody minds a twentieth of a level or of an error
    ratio, nor one more error in two thousand requests. Nothing warms up.

    Args:
        kinds: By signal, whether it counts events out of the requests that `<signal>.requests` counts; a
            level otherwise. More is worse. All have the same share of the budget.
    """
    return Rule(
        judge=JudgeSettings(interval=timedelta(minutes=1)),
        signals=tuple(
            Signal(
                name=SignalName(name),
                kind=SignalKind.COUNTS if is_count else SignalKind.LEVELS,
                events=Selector(metric=name),
                exposure=Selector(metric=f"{name}.requests") if is_count else None,
                margin_ratio=0.05,
                margin_floor=0.0005 if is_count else 0.0,
                warm_up=0,
            )
            for name, is_count in kinds.items()
        ),
        traffic=Selector(metric="requests"),
    )
