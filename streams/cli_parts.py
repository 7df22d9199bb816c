"""Commands that run Suture's parts: one by one, or all in one process tree."""

import signal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from actions.playbook_files import load_playbooks, with_playbooks
from actions.policy_file import load_policy
from actions.signing import KeyRing
from schemas.errors import SettingsError
from streams.settings import Settings, read_settings
from streams.stopping import stop_flag


class Role(StrEnum):
    """What a worker does."""

    JUDGE = "judge"
    GATE = "gate"
    ALL = "all"


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (
        up,
        worker,
        executor,
        watcher,
        puller,
        journal,
        archive,
        notifier,
        gateway,
        doctor,
        topics,
    ):
        app.command()(command)


def up(
    data: Annotated[Path | None, typer.Option(help="Folder for the journal and the local broker.")] = None,
) -> None:
    """Run everything on this machine: a Kafka if KAFKA_BOOTSTRAP names none, and all parts."""
    from streams.process_tree import run_everything

    raise typer.Exit(run_everything(read_settings(), data))


def worker(
    role: Annotated[Role, typer.Option(help="judge, gate (blame, decide, order) or all.")] = Role.ALL,
) -> None:
    """Run a worker: ingest public topics and judge, or decide and order; `all` runs one of each."""
    settings = connected(read_settings())
    if role is Role.ALL:
        from streams.process_tree import run_parts

        raise typer.Exit(
            run_parts(settings, {"judge": ["worker", "--role=judge"], "gate": ["worker", "--role=gate"]})
        )
    from streams.faust_app import gate_app, judge_app, run_worker

    policy = with_playbooks(load_policy(settings.policy), load_playbooks(settings.playbooks))
    keys = keys_of(settings)
    run_worker(judge_app(settings, policy, keys) if role is Role.JUDGE else gate_app(settings, policy, keys))


def executor() -> None:
    """Run an executor: carry commands out, once, and report what became of them."""
    from streams.executor_service import run_executor

    settings = connected(read_settings())
    keys = keys_of(settings)
    if keys is None:
        raise SettingsError(
            "no signing keys, expected SUTURE_KEYS or SUTURE_KEYS_FILE: nothing unsigned is done"
        )
    run_executor(settings, keys, stop_flag())


def watcher() -> None:
    """Run the watcher: tell failures, templates and migrations of the namespaces that SUTURE_WATCH names."""
    # The cluster's client is an extra.
    try:
        from streams.watcher_service import run_watcher
    except ImportError as error:
        raise SettingsError(
            "no Kubernetes client is installed, expected the extra suture[kubernetes]"
        ) from error

    run_watcher(connected(read_settings()), stop_flag())


def puller() -> None:
    """Run the puller: ask Prometheus and Datadog for the metrics that the file of SUTURE_PULL lists."""
    from streams.puller_service import run_puller

    run_puller(connected(read_settings()), stop_flag())


def journal() -> None:
    """Run the journal: keep every effect in Parquet files."""
    from streams.journal_service import run_journal

    run_journal(connected(read_settings()), stop_flag())


def archive() -> None:
    """Run the archive: keep the ordered log in Parquet files for longer than Kafka does."""
    from streams.archive_service import run_archive

    settings = connected(read_settings())
    if not settings.archive.keep:
        raise SettingsError("SUTURE_ARCHIVE_KEEP is 0, expected a time such as 90d")
    run_archive(settings, stop_flag())


def notifier(
    once: Annotated[
        bool, typer.Option("--once", help="Tell what is on the log by now, then end; 1 if something failed.")
    ] = False,
) -> None:
    """Run the notifier: tell other tools of incidents, rollbacks and verdicts."""
    from streams.notifier_service import run_notifier
    from streams.notifier_sinks import configured_sinks

    settings = read_settings()
    if not configured_sinks(settings):
        raise SettingsError("nobody is to be told, expected one of SUTURE_NOTIFY_... (docs/notifications.md)")
    raise typer.Exit(run_notifier(connected(settings), stop_flag(), once=once))


def gateway() -> None:
    """Run the gateway: OTLP, CloudEvents and approvals over HTTP."""
    from streams.gateway_service import run_gateway

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run_gateway(connected(read_settings()))


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check broker, topics, codecs, credentials, cluster rights and clock; say what to do about each."""
    from streams.doctor import examine, print_findings

    raise typer.Exit(print_findings(examine(read_settings()), as_json=json))


def topics() -> None:
    """Make the Kafka topics that are missing."""
    from streams.kafka_log import create_topics

    settings = connected(read_settings(), with_topics=False)
    made = create_topics(settings.bootstrap, settings.prefix, settings.replication)
    typer.echo(f"made {', '.join(made)}" if made else "every topic is there")


def connected(settings: Settings, *, with_topics: bool = True) -> Settings:
    """Return the settings, or refuse them when they name no broker; makes missing topics.

    Raises:
        SettingsError: KAFKA_BOOTSTRAP is not set.
    """
    if not settings.bootstrap:
        raise SettingsError(
            "KAFKA_BOOTSTRAP is not set, expected host:port of Kafka (or run `suture up`, which brings one)"
        )
    if with_topics:
        from streams.kafka_log import create_topics

        create_topics(settings.bootstrap, settings.prefix, settings.replication)
    return settings


def keys_of(settings: Settings) -> KeyRing | None:
    """Return the signing keys; None when none are configured."""
    return KeyRing.from_text(settings.keys) if settings.keys else None
