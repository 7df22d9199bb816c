"""A log judged again by several contenders at once, spread over processes; the result does not show it."""

import gc
import multiprocessing
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from schemas.effects import Effect
from schemas.keys import EnvironmentName, ReleaseId
from streams.backtest_contenders import Contender, LeftOut
from streams.backtest_environments import EnvironmentRun, decide_again
from streams.backtest_log import BacktestLog
from streams.backtest_services import Heard, ServicesJudged, ServicesRun, judge_services
from streams.routing import observations_from

T = TypeVar("T")
R = TypeVar("R")

Progress = Callable[[float], None]
"""Told how much of the log is done, from 0 to 1."""

_PARTS_A_JOB = 8
"""Parts that each process gets to do on average: more spread better, and cost a look at the log each."""

_SEEN_BY_COLLECTOR = 200_000
"""New objects between two looks of the garbage collector: a log in memory is no garbage."""

_SERVICES_SHARE = 0.95
"""How much of the work services are, for the progress bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was said to one contender's settings, in an order that does not hang on the number of processes.

    Attributes:
        services: What environments heard of their services.
        environments: What environments said.
        cut_off: Releases really taken back before this contender called them harmful, and when.
        left_out: What it was not told, since it answers what it did not do.
        failed: Observations that the engine could not apply.
    """

    services: tuple[Effect, ...]
    environments: tuple[Effect, ...]
    cut_off: dict[ReleaseId, datetime]
    left_out: LeftOut
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedLog:
    """What all contenders said.

    Attributes:
        of: By contender, in their order.
        undone: When releases were really taken back.
        observations: How many there were for services.
        until: Newest time in the log; None when it holds none.
    """

    of: tuple[Judged, ...]
    undone: dict[ReleaseId, datetime]
    observations: int
    until: datetime | None


def judge_log(
    log: BacktestLog,
    contenders: Sequence[Contender],
    jobs: int | None = None,
    progress: Progress = lambda _: None,
) -> JudgedLog:
    """Judge a log again.

    Args:
        log: What is judged.
        contenders: Each reads the same observations.
        jobs: Processes; None for one a core.
        progress: Told now and then how far it is.

    Raises:
        SchemaError: the log is malformed.
    """
    jobs = jobs or len(os.sched_getaffinity(0))
    sizes = log.parts(_PARTS_A_JOB * jobs if jobs > 1 else 1)
    total = sum(sizes) or 1
    with _rare_collections(), _workers(log, tuple(contenders), min(jobs, len(sizes))) as run:
        done = 0.0
        judged: dict[int, ServicesJudged] = {}
        # The largest first, so that no process is left alone with one at the end.
        for part, found in run(_judge_part, sorted(range(len(sizes)), key=lambda part: -sizes[part])):
            judged[part] = found
            done += sizes[part] / total
            progress(_SERVICES_SHARE * done)
        parts = [judged[part] for part in range(len(sizes))]
        heard = [_by_environment([one.runs[number] for one in parts]) for number in range(len(contenders))]
        names = sorted({name for said in heard for name in said})
        asked = [(name, tuple(said.get(name, []) for said in heard)) for name in names]
        decided = {name: runs for (name, _), runs in run(_decide_environment, asked)}
    progress(1.0)
    undone = {release: at for one in parts for release, at in one.undone.items()}
    return JudgedLog(
        of=tuple(
            _merged(number, parts, [decided[name][number] for name in names])
            for number in range(len(contenders))
        ),
        undone=undone,
        observations=sum(one.observations for one in parts),
        until=max((one.until for one in parts if one.until is not None), default=None),
    )


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Keep the garbage collector, of this process and its children, from walking the log again and again."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_SEEN_BY_COLLECTOR, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def _workers(log: BacktestLog, contenders: tuple[Contender, ...], jobs: int) -> Iterator["_Run"]:
    """Yield what runs a function over tasks: here, or in so many processes, which end with the block."""
    if jobs <= 1:
        _adopt(log, contenders)
        yield _Here()
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, context, initializer=_adopt, initargs=(log, contenders)) as pool:
        yield _Pool(pool)


class _Run(Protocol):
    """Runs a function over tasks and yields each task with its result, as they come."""

    def __call__(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[T, R]]:
        """Yield each task's result."""


class _Here:
    def __call__(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[T, R]]:
        for task in tasks:
            yield task, function(task)


class _Pool:
    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def __call__(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[T, R]]:
        waiting = {self._pool.submit(function, task): task for task in tasks}
        for future in as_completed(waiting):
            yield waiting[future], future.result()


def _by_environment(runs: Iterable[ServicesRun]) -> dict[EnvironmentName, list[Heard]]:
    found: dict[EnvironmentName, list[Heard]] = defaultdict(list)
    for run in runs:
        for heard in run.heard:
            for fed in observations_from(heard.effect):
                found[EnvironmentName(fed.key)].append(heard)
    return found


def _merged(number: int, parts: list[ServicesJudged], decided: list[EnvironmentRun]) -> Judged:
    runs = [part.runs[number] for part in parts]
    services = [heard.effect for run in runs for heard in run.heard]
    # A service is in one part only, so its own order is kept.
    services.sort(key=lambda effect: effect.key)
    return Judged(
        services=tuple(services),
        environments=tuple(effect for run in decided for effect in run.effects),
        cut_off={release: at for run in runs for release, at in run.cut_off.items()},
        left_out=LeftOut(
            answers=sum(run.left_out.answers for run in decided),
            outcomes=sum(run.left_out.outcomes for run in decided),
        ),
        failed=sum(run.failed for run in runs) + sum(run.failed for run in decided),
    )


# What the processes of one backtest work on. They are forked, so that a log in memory is not copied to each.
_work: tuple[BacktestLog, tuple[Contender, ...]] | None = None


def _adopt(log: BacktestLog, contenders: tuple[Contender, ...]) -> None:
    global _work  # a pool's process gets what it works on once, and not with every task
    _work = log, contenders


def _judge_part(part: int) -> ServicesJudged:
    assert _work is not None
    log, contenders = _work
    return judge_services(log.services(part), contenders)


def _decide_environment(asked: tuple[EnvironmentName, tuple[list[Heard], ...]]) -> list[EnvironmentRun]:
    assert _work is not None
    log, contenders = _work
    name, heard = asked
    return decide_again(name, log.environment(name), heard, contenders)
