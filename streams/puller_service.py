"""The puller's process: a thread asks each source; a file that changed begins all of them anew.

A puller that is killed leaves nothing behind: its successor reads on the log how far each source was asked,
and goes on from there. Two pullers of one file would put everything there twice, which the engines bear.
"""

import logging
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from datetime import datetime
from pathlib import Path
from threading import Event

from actions.yaml_values import file_text
from schemas.errors import SettingsError
from streams import clock
from streams.pull_asking import Asker
from streams.pull_file import load_pull_file, parse_pull_file
from streams.pull_sources import PullFile, PullSource
from streams.puller import SourcePuller
from streams.puller_memory import PullWriter, pulled_partition, remembered
from streams.settings import Settings

logger = logging.getLogger("suture.puller")

_LOOK_S = 1.0
"""How often it is looked whether the file changed."""

_LEAST_PAUSE_S = 0.01


def run_puller(settings: Settings, stop: Event, now: Callable[[], datetime] = clock.now) -> None:
    """Run a puller until told to stop.

    Raises:
        SettingsError: no file is named, or it has mistakes.
        LogError: Kafka cannot be reached; a successor goes on.
    """
    if settings.pull is None:
        raise SettingsError("SUTURE_PULL names no file, expected one that lists sources")
    text = file_text(settings.pull, "a file of sources")
    file: PullFile | None = load_pull_file(settings.pull)
    while file is not None:
        text, file = _generation(settings, settings.pull, text, file, stop, now)


def _generation(
    settings: Settings, path: Path, text: str, file: PullFile, stop: Event, now: Callable[[], datetime]
) -> tuple[str, PullFile | None]:
    """Pull until the file says something else, and return that; None when told to stop."""
    ended = Event()
    with ThreadPoolExecutor(len(file.sources), thread_name_prefix="pull") as threads:
        running = [threads.submit(pull_source, settings, source, ended, now) for source in file.sources]
        try:
            while True:
                done, _ = wait(running, timeout=_LOOK_S, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
                if stop.is_set():
                    return text, None
                text, changed = _changed(path, text)
                if changed is not None and changed != file:
                    logger.info("sources changed", extra={"sources": len(changed.sources)})
                    return text, changed
        finally:
            ended.set()


def _changed(path: Path, before: str) -> tuple[str, PullFile | None]:
    """Return a file's text, and what it says where that is new and right: a broken file changes nothing."""
    try:
        text = file_text(path, "a file of sources")
        return text, None if text == before else parse_pull_file(text, str(path))
    except SettingsError as error:
        if (said := str(error)) != before:
            logger.error("file of sources is wrong, the last one goes on", extra={"reason": said})  # noqa: TRY400
        return said, None


def pull_source(settings: Settings, source: PullSource, stop: Event, now: Callable[[], datetime]) -> None:
    """Ask one source until told to stop.

    Raises:
        LogError: Kafka cannot be reached.
    """
    partition = pulled_partition(settings, source)
    progress, services = remembered(settings, source, partition, now())
    writer = PullWriter(settings, partition)
    try:
        with Asker(source) as asker:
            puller = SourcePuller(source, asker.ask, writer.send, progress, services)
            pause_s = 0.0
            while not stop.wait(max(pause_s, _LEAST_PAUSE_S)):
                pause_s = puller.turn(now())
    finally:
        writer.close()
