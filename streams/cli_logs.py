"""Commands that move logs: record, replay."""

import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from schemas.effect_messages import cloud_event
from schemas.effects import Effect
from schemas.topics import Topic, topic_name
from streams.cli_parts import connected
from streams.kafka_log import Record, describe_topics, read_range
from streams.recording import ORDERED, read_recording, write_recording
from streams.settings import Settings, read_settings


class Through(StrEnum):
    """Which way a replay goes."""

    ENGINE = "engine"
    KAFKA = "kafka"


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (record, replay):
        app.command()(command)


def record(
    file: Annotated[Path, typer.Argument(help="Where to; gzip-compressed JSON lines.")],
    topic: Annotated[
        list[Topic] | None, typer.Option(help="Topic to record, repeatable; default: the ordered ones.")
    ] = None,
) -> None:
    """Record topics, as they stand now, into a file that `suture replay` reads."""
    settings = connected(read_settings(), with_topics=False)
    count = write_recording(file, _records(settings, tuple(topic or ORDERED)))
    typer.echo(f"{count} entries in {file}")


def replay(
    file: Annotated[Path, typer.Argument(help="A recording, or a benchmark's replay.jsonl.gz.")],
    through: Annotated[
        Through, typer.Option(help="engine: in this process. kafka: onto the topics of KAFKA_BOOTSTRAP.")
    ] = Through.ENGINE,
    effects: Annotated[
        bool, typer.Option("--effects", help="Print every effect as CloudEvents JSON lines.")
    ] = False,
) -> None:
    """Run a recorded log through the engine again, or put it onto topics for live workers."""
    # The engine's kernels take seconds to import: only who replays waits for them.
    from streams.pipeline import effects_of_pod_minutes, summary
    from streams.pod_minutes import is_pod_minutes, read_rows

    if through is Through.KAFKA:
        typer.echo(_onto_topics(connected(read_settings()), file))
        return
    said = effects_of_pod_minutes(read_rows(file)) if is_pod_minutes(file) else _effects(file)
    if effects:
        for effect in said:
            sys.stdout.buffer.write(cloud_event(effect) + b"\n")
        sys.stdout.buffer.flush()
    else:
        typer.echo(summary(said))


def _onto_topics(settings: Settings, file: Path) -> str:
    from streams.pod_minutes import is_pod_minutes, minutes, read_rows
    from streams.replaying import play_pod_minutes, put_back

    if not is_pod_minutes(file):
        return f"{put_back(settings, file)} entries are on their topics"
    with Progress(console=Console(stderr=True)) as bar:
        rows = read_rows(file)
        task = bar.add_task("minutes", total=sum(1 for _ in minutes(rows)))
        played = play_pod_minutes(settings, rows, lambda done: bar.update(task, completed=done))
    return f"{played} minutes were judged; ask `suture releases`"


def _effects(file: Path) -> Iterator[Effect]:
    from streams.replay import replay as replay_records

    for item in replay_records(read_recording(file)):
        if isinstance(item, Effect):
            yield item
        else:
            typer.echo(
                f"refused {item.record.topic}/{item.record.partition}/{item.record.offset}: {item.reason}",
                err=True,
            )


def _records(settings: Settings, topics: tuple[Topic, ...]) -> Iterator[Record]:
    from dataclasses import replace

    counts = describe_topics(settings.bootstrap)
    for topic in topics:
        name = topic_name(topic, settings.prefix)
        for partition in range(counts.get(name, 0)):
            for entry in read_range(settings.bootstrap, name, partition):
                yield replace(entry, topic=topic.value)
