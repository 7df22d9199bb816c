"""Settings of the shells, read from the environment in one place; the core never sees them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from schemas.errors import SettingsError
from schemas.keys import EnvironmentName
from schemas.names import environment_name
from streams.access_settings import AccessSettings, read_access_settings
from streams.afterword_settings import SERVICES_VARIABLE, PagerDutyServices, read_pagerduty_services
from streams.approval_settings import ApprovalPace, read_approval_pace
from streams.archive_settings import ArchiveSettings, archive_variables, read_archive_settings
from streams.explainer_settings import ExplainerSettings, read_explainer_settings
from streams.gitops_settings import GitOpsSettings, read_gitops_settings
from streams.journal_settings import JournalSettings, journal_variables, read_journal_settings
from streams.learner_settings import LearnerSettings, learner_variables, read_learner_settings
from streams.notifier_settings import NotifierSettings, read_notifier_settings
from streams.pagerduty_settings import PagerDutySettings, read_pagerduty_settings
from streams.secret_settings import secret_text
from streams.slack_settings import SlackSettings, read_slack_settings
from streams.telemetry_settings import TelemetrySettings, read_telemetry_settings, variables_of
from streams.webhook_settings import WebhookSettings, read_webhook_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one installation runs.

    Attributes:
        bootstrap: Kafka's addresses, comma-separated; "" where none is given. `KAFKA_BOOTSTRAP`.
        prefix: Put before every topic's name and group's id, so that several installations share a
            broker. `SUTURE_PREFIX`.
        data: Folder of the journal and of what `suture up` keeps. `SUTURE_DATA`.
        policy: Policy file; None for the default policy. `SUTURE_POLICY`.
        playbooks: Folder of the installation's own playbooks; None for the shipped ones alone.
            `SUTURE_PLAYBOOKS`.
        replication: Copies of each topic. `SUTURE_REPLICATION`.
        tick: How often time is put on the log; zero leaves it to somebody else, as a replay does.
            `SUTURE_TICK_SECONDS`.
        snapshot: How often state is saved. Shorter restarts sooner and writes more.
            `SUTURE_SNAPSHOT_SECONDS`.
        commit: How often a worker says how far it has come. Shorter shows lag sooner and asks more of
            the broker; nothing is restored by it. `SUTURE_COMMIT_SECONDS`.
        flush: How long the journal collects effects before it writes a file. Shorter answers `why`
            sooner and makes more files. `SUTURE_FLUSH_SECONDS`.
        keys: Signing keys as `id:base64,id:base64`; the first signs, all verify. `SUTURE_KEYS`, or a
            file's name in `SUTURE_KEYS_FILE`.
        tokens: Bearer tokens as `name[+scope...]:token,...` with scopes `read`, `deploy`, `answer` and
            `hooks`; without one a token is for the first three. `SUTURE_TOKENS`, or a file's name in
            `SUTURE_TOKENS_FILE`.
        hook_tokens: Tokens of those who ask by Flagger's hooks, likewise; they may answer nothing.
            `SUTURE_HOOK_TOKENS`, or a file's name in `SUTURE_HOOK_TOKENS_FILE`.
        clusters: Names of the clusters that an executor serves, comma-separated. `SUTURE_CLUSTERS`.
        watch: Environment and namespace of each namespace whose pods are watched, as
            `prod=shop-prod,dev=shop-dev`; none for no watcher. `SUTURE_WATCH`.
        service_label: Label of pods that names their service. `SUTURE_SERVICE_LABEL`.
        processes: Folder of the local workloads that an executor serves. `SUTURE_PROCESSES`.
        runbooks: List of what an executor may run besides a cluster's API; None for nothing.
            `SUTURE_RUNBOOKS`.
        pull: File of sources that are asked for metrics; None for none. `SUTURE_PULL`.
        kill_file: File whose presence makes an executor refuse every change, Kafka or not. None for
            `kill-switch` in the data folder. `SUTURE_KILL_FILE`.
        gitops: How an executor deals with those who write workloads again from git.
        webhooks: Who may tell the gateway of deployments by webhook.
        telemetry: Who may send it telemetry, and how Prometheus' labels are read.
        access: Which of the gateway's doors stand open, and the token that is shown to one.
        notifier: Which other tools are told of what happens.
        slack: Where people are asked in Slack.
        approvals: How patiently, on whichever channel.
        pagerduty: Where people are asked and called in PagerDuty.
        pagerduty_services: Whose incidents say something of releases. `SUTURE_PAGERDUTY_SERVICES`.
        explainer: Which language model puts questions into words, if any.
        journal_settings: Where the journal lies, and how long what is kept.
        archive: How long the ordered log is kept outside of Kafka.
        learner: Whether and how often is learnt from what was judged.
        listen: Host and port of the gateway. `SUTURE_LISTEN`.
        gateway: Address of a gateway, for those who ask it for verdicts. `SUTURE_GATEWAY`.
        instance: A name that this process keeps over restarts and shares with no other, such as a
            StatefulSet's pod: one that was killed then goes on with its partitions at once, instead
            of after the group's session timeout. "" for none. `SUTURE_INSTANCE`.
        parent: Process id of the tree that this process is a part of, which it does not outlive; 0 for
            none. `SUTURE_PARENT`.
    """

    bootstrap: str = ""
    prefix: str = ""
    data: Path = Path(".suture")
    policy: Path | None = None
    playbooks: Path | None = None
    replication: int = 1
    tick: timedelta = timedelta(seconds=5)
    snapshot: timedelta = timedelta(seconds=30)
    commit: timedelta = timedelta(seconds=3)
    flush: timedelta = timedelta(seconds=5)
    keys: str = ""
    tokens: str = ""
    hook_tokens: str = ""
    clusters: tuple[str, ...] = ("default",)
    watch: tuple[tuple[EnvironmentName, str], ...] = ()
    service_label: str = "app.kubernetes.io/name"
    processes: Path | None = None
    runbooks: Path | None = None
    pull: Path | None = None
    kill_file: Path | None = None
    gitops: GitOpsSettings = field(default_factory=GitOpsSettings)
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    access: AccessSettings = field(default_factory=AccessSettings)
    notifier: NotifierSettings = field(default_factory=NotifierSettings)
    slack: SlackSettings = field(default_factory=SlackSettings)
    approvals: ApprovalPace = field(default_factory=ApprovalPace)
    pagerduty: PagerDutySettings = field(default_factory=PagerDutySettings)
    pagerduty_services: PagerDutyServices = field(default_factory=PagerDutyServices)
    explainer: ExplainerSettings = field(default_factory=ExplainerSettings)
    journal_settings: JournalSettings = field(default_factory=JournalSettings)
    archive: ArchiveSettings = field(default_factory=ArchiveSettings)
    learner: LearnerSettings = field(default_factory=LearnerSettings)
    listen: str = "127.0.0.1:4318"
    gateway: str = "http://127.0.0.1:4318"
    instance: str = ""
    parent: int = 0

    def __repr__(self) -> str:
        """Return what may be shown: never a key or a token."""
        return f"Settings(bootstrap={self.bootstrap!r}, prefix={self.prefix!r}, data={str(self.data)!r})"

    @property
    def journal(self) -> Path:
        """Return the journal's folder, or the address of its bucket as a path."""
        return self.journal_settings.place or self.data / "journal"

    @property
    def archive_folder(self) -> Path:
        """Return the archive's folder, or the address of its bucket as a path."""
        return self.archive.place or self.data / "archive"

    @property
    def runs(self) -> Path:
        """Return the folder of what runbooks left."""
        return self.data / "runbooks"

    @property
    def kill_switch(self) -> Path:
        """Return the file whose presence stops every change."""
        return self.kill_file or self.data / "kill-switch"


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings that the environment gives.

    Raises:
        SettingsError: a variable holds what it must not; says which and what was expected.
    """
    given = os.environ if environ is None else environ

    def text(name: str, default: str) -> str:
        return given.get(name, "").strip() or default

    policy = text("SUTURE_POLICY", "")
    processes = text("SUTURE_PROCESSES", "")
    playbooks = text("SUTURE_PLAYBOOKS", "")
    runbooks = text("SUTURE_RUNBOOKS", "")
    pull = text("SUTURE_PULL", "")
    kill_file = text("SUTURE_KILL_FILE", "")
    return Settings(
        bootstrap=text("KAFKA_BOOTSTRAP", ""),
        prefix=text("SUTURE_PREFIX", ""),
        data=Path(text("SUTURE_DATA", ".suture")),
        policy=Path(policy) if policy else None,
        playbooks=Path(playbooks) if playbooks else None,
        replication=_whole(given, "SUTURE_REPLICATION", 1),
        tick=_seconds(given, "SUTURE_TICK_SECONDS", 5),
        snapshot=_seconds(given, "SUTURE_SNAPSHOT_SECONDS", 30),
        commit=_seconds(given, "SUTURE_COMMIT_SECONDS", 3),
        flush=_seconds(given, "SUTURE_FLUSH_SECONDS", 5),
        keys=secret_text(given, "SUTURE_KEYS").strip(),
        tokens=secret_text(given, "SUTURE_TOKENS").strip(),
        hook_tokens=secret_text(given, "SUTURE_HOOK_TOKENS").strip(),
        clusters=tuple(
            part.strip() for part in text("SUTURE_CLUSTERS", "default").split(",") if part.strip()
        ),
        watch=_watched(text("SUTURE_WATCH", "")),
        service_label=text("SUTURE_SERVICE_LABEL", "app.kubernetes.io/name"),
        processes=Path(processes) if processes else None,
        runbooks=Path(runbooks) if runbooks else None,
        pull=Path(pull) if pull else None,
        kill_file=Path(kill_file) if kill_file else None,
        gitops=read_gitops_settings(given),
        webhooks=read_webhook_settings(given),
        telemetry=read_telemetry_settings(
            given, secret_text(given, "SUTURE_TELEMETRY_TOKENS").strip(), _watched(text("SUTURE_WATCH", ""))
        ),
        access=read_access_settings(given),
        notifier=read_notifier_settings(given),
        slack=read_slack_settings(given),
        approvals=read_approval_pace(given),
        pagerduty=read_pagerduty_settings(given),
        pagerduty_services=read_pagerduty_services(
            given.get(SERVICES_VARIABLE, ""), given.get("SUTURE_PAGERDUTY_SERVICE", "").strip()
        ),
        explainer=read_explainer_settings(given),
        journal_settings=read_journal_settings(given),
        archive=read_archive_settings(given),
        learner=read_learner_settings(given),
        listen=text("SUTURE_LISTEN", "127.0.0.1:4318"),
        gateway=text("SUTURE_GATEWAY", "http://127.0.0.1:4318"),
        parent=_whole(given, "SUTURE_PARENT", 0),
        instance=text("SUTURE_INSTANCE", ""),
    )


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the variables that give a child process the same settings."""
    variables = {
        "KAFKA_BOOTSTRAP": settings.bootstrap,
        "SUTURE_PREFIX": settings.prefix,
        "SUTURE_DATA": str(settings.data),
        "SUTURE_POLICY": str(settings.policy or ""),
        "SUTURE_PLAYBOOKS": str(settings.playbooks or ""),
        "SUTURE_REPLICATION": str(settings.replication),
        "SUTURE_TICK_SECONDS": str(settings.tick.total_seconds()),
        "SUTURE_SNAPSHOT_SECONDS": str(settings.snapshot.total_seconds()),
        "SUTURE_COMMIT_SECONDS": str(settings.commit.total_seconds()),
        "SUTURE_FLUSH_SECONDS": str(settings.flush.total_seconds()),
        "SUTURE_KEYS": settings.keys,
        "SUTURE_TOKENS": settings.tokens,
        "SUTURE_HOOK_TOKENS": settings.hook_tokens,
        "SUTURE_CLUSTERS": ",".join(settings.clusters),
        "SUTURE_WATCH": ",".join(f"{environment}={namespace}" for environment, namespace in settings.watch),
        "SUTURE_SERVICE_LABEL": settings.service_label,
        "SUTURE_PROCESSES": str(settings.processes or ""),
        "SUTURE_RUNBOOKS": str(settings.runbooks or ""),
        "SUTURE_PULL": str(settings.pull or ""),
        "SUTURE_KILL_FILE": str(settings.kill_file or ""),
        "SUTURE_READ_OPEN": "" if settings.access.read_open else "false",
        "SUTURE_DEPLOY_OPEN": "" if settings.access.deploy_open else "false",
        "SUTURE_TOKEN": settings.access.token,
        "SUTURE_LISTEN": settings.listen,
        "SUTURE_GATEWAY": settings.gateway,
        "SUTURE_INSTANCE": settings.instance,
        **variables_of(settings.telemetry),
        **journal_variables(settings.journal_settings),
        **archive_variables(settings.archive),
        **learner_variables(settings.learner),
    }
    return {name: value for name, value in variables.items() if value}


def _watched(text: str) -> tuple[tuple[EnvironmentName, str], ...]:
    found: list[tuple[EnvironmentName, str]] = []
    for part in (part.strip() for part in text.split(",") if part.strip()):
        environment, _, namespace = (side.strip() for side in part.partition("="))
        if not environment or not namespace:
            raise SettingsError(f"SUTURE_WATCH has {part!r}, expected environment=namespace")
        if namespace in (known for _, known in found):
            raise SettingsError(f"SUTURE_WATCH names namespace {namespace} twice, expected it once")
        found.append((environment_name(environment), namespace))
    return tuple(found)


def _seconds(given: Mapping[str, str], name: str, default: float) -> timedelta:
    text = given.get(name, "").strip()
    try:
        seconds = float(text) if text else default
    except ValueError as error:
        raise SettingsError(f"{name} is {text!r}, expected a number of seconds") from error
    if not 0 <= seconds < 1e6:
        raise SettingsError(f"{name} is {text!r}, expected seconds from 0 to a million")
    return timedelta(seconds=seconds)


def _whole(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, "").strip()
    if text and not text.isdecimal():
        raise SettingsError(f"{name} is {text!r}, expected a whole number")
    return int(text) if text else default
