"""The doctor's look at the sources of metrics: whether they answer, their clocks, and what they say."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from actions.errors import PermanentActionError, TransientActionError
from actions.policy_file import load_policy
from schemas.errors import SettingsError
from schemas.instants import to_ms
from schemas.pulled_series import PulledMetric, is_named
from streams import clock
from streams.doctor import Finding, Health
from streams.pull_asking import Asker
from streams.pull_file import load_pull_file
from streams.pull_progress import Window
from streams.pull_sources import PullSource
from streams.settings import Settings

_CLOCKS_APART = timedelta(seconds=5)
_STEPS = 5


def sources(settings: Settings) -> Iterator[Finding]:
    """Yield what was found of the sources that are asked for metrics."""
    if settings.pull is None:
        yield Finding(
            check="sources",
            health=Health.SKIPPED,
            seen="none are listed",
            advice="set SUTURE_PULL where Prometheus or Datadog is to be asked for metrics",
        )
        return
    try:
        file = load_pull_file(settings.pull)
    except SettingsError as error:
        yield Finding(check="sources", health=Health.FAILED, seen=str(error), advice="mend the file")
        return
    for source in file.sources:
        yield from _source(source)
    yield from _lateness(settings, file.sources)


def _source(source: PullSource) -> Iterator[Finding]:
    check = f"source {source.name}"
    answered: list[PulledMetric] = []
    with Asker(source) as asker:
        for query in source.queries:
            now = clock.now()
            try:
                answered.append(asker.ask(query, _newest(source, now)))
            except TransientActionError as error:
                yield Finding(
                    check=check,
                    health=Health.FAILED,
                    seen=f"{source.address}: {error}",
                    advice="check address, network and credentials from where `suture puller` runs",
                )
                return
            except PermanentActionError as error:
                yield Finding(
                    check=check,
                    health=Health.FAILED,
                    seen=f"the query of {query.metric} is refused: {error}",
                    advice="mend the query; until then the verdicts of this source's services are broken",
                )
                continue
            if len(answered) == 1:
                yield from _clock(check, asker.date, now)
    for metric in answered:
        yield from _nameless(check, metric)
    if answered:
        yield _told(check, source, answered)


def _newest(source: PullSource, now: datetime) -> Window:
    end = (to_ms(now) - source.delay_ms) // source.step_ms * source.step_ms
    return Window(end - (_STEPS - 1) * source.step_ms, end, source.step_ms)


def _clock(check: str, date: str, now: datetime) -> Iterator[Finding]:
    try:
        ahead = parsedate_to_datetime(date) - now
    except (TypeError, ValueError):
        # No header, or one that is none: nothing is known of its clock.
        return
    if abs(ahead) > _CLOCKS_APART:
        side = "ahead of" if ahead > timedelta(0) else "behind"
        yield Finding(
            check=check,
            health=Health.WARNING,
            seen=f"its clock is {abs(ahead).total_seconds():.0f} s {side} ours",
            advice="set both by NTP: windows that end in its future lose samples",
        )


def _nameless(check: str, metric: PulledMetric) -> Iterator[Finding]:
    nameless = sum(not is_named(metric.resource_of(series)) for series in metric.series)
    if nameless:
        yield Finding(
            check=check,
            health=Health.WARNING,
            seen=f"{nameless} of {len(metric.series)} series of {metric.metric} name no service",
            advice=f"say under labels which label does (now {metric.labels.service}), or fix one",
        )


def _told(check: str, source: PullSource, answered: list[PulledMetric]) -> Finding:
    series = [(metric, one) for metric in answered for one in metric.series if one.points]
    if not series:
        return Finding(
            check=check,
            health=Health.WARNING,
            seen=f"answers, and has read nothing anew in the last {_STEPS} steps of {source.step}",
            advice="is anything scraped? a step shorter than the scrape interval finds few new samples",
        )
    services = {metric.resource_of(one).get("service.name", "") for metric, one in series}
    return Finding(
        check=check,
        health=Health.OK,
        seen=f"answers with {len(series)} series of {len(services - {''})} services",
    )


def _lateness(settings: Settings, asked: tuple[PullSource, ...]) -> Iterator[Finding]:
    try:
        policy = load_policy(settings.policy)
    except SettingsError:
        # The policy has a finding of its own.
        return
    needed = max(timedelta(milliseconds=source.delay_ms) + source.interval for source in asked)
    short = sorted(name for name, rule in policy.rules.items() if rule.judge.lateness < needed)
    if short:
        late = f"{needed.total_seconds():g}s"
        yield Finding(
            check="lateness",
            health=Health.WARNING,
            seen=f"pulled samples come up to {late} late, judge.lateness is below in {', '.join(short)}",
            advice=f"set judge.lateness of pulled services to {late}, or looks see half of an interval",
        )
