"""The doctor: whether everything that Suture leans on is there, and what to do where it is not."""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.table import Table

from actions import kill_file
from actions.errors import ActionError, SignatureError
from actions.policy_file import load_policy
from actions.runbook_file import load_runbooks
from actions.signing import KeyRing
from feature_store.stores import bucket_of, open_store
from schemas.errors import SettingsError
from schemas.instants import from_ms
from schemas.policy import Policy
from schemas.releases import TargetKind
from schemas.topics import PARTITIONS, TOPICS, Topic, topic_name
from streams import clock
from streams.gateway_tokens import Tokens
from streams.kafka_log import Lag, LogError, describe_topics, end_offsets, read_range
from streams.notifier_sinks import configured_sinks, sink_group
from streams.settings import Settings

_SKEW = timedelta(seconds=30)
_STALE = timedelta(minutes=5)
_FAR_BEHIND = 1000


class Health(StrEnum):
    """How a check came out. SKIPPED: it does not apply to this installation."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found.

    Attributes:
        seen: What was seen.
        advice: What to do; "" when nothing is to be done.
    """

    check: str
    health: Health
    seen: str
    advice: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Return what every check found."""
    # Imported here: it says what it finds in this module's words.
    from streams.doctor_sources import sources

    return [
        *_broker(settings),
        *_codecs(),
        *_policy(settings),
        *_credentials(settings),
        *_journal(settings),
        *_kill_file(settings),
        *_runbooks(settings),
        *sources(settings),
        *_cluster(settings),
        *_sinks(settings),
    ]


def print_findings(findings: list[Finding], *, as_json: bool) -> int:
    """Print findings and return the exit code: 1 when a check failed."""
    if as_json:
        Console(soft_wrap=True).print_json(json.dumps([asdict(finding) for finding in findings]))
    else:
        table = Table(box=None, pad_edge=False)
        for heading in ("check", "", "seen", "what to do"):
            table.add_column(heading, overflow="fold")
        for finding in findings:
            table.add_row(finding.check, finding.health.value, finding.seen, finding.advice)
        Console().print(table)
    return 1 if any(finding.health is Health.FAILED for finding in findings) else 0


def _broker(settings: Settings) -> Iterator[Finding]:
    if not settings.bootstrap:
        yield Finding(
            check="broker",
            health=Health.FAILED,
            seen="KAFKA_BOOTSTRAP is not set",
            advice="set it to host:port of Kafka, or use `suture up`, which brings one",
        )
        return
    started = time.perf_counter()
    try:
        partitions = describe_topics(settings.bootstrap)
    except LogError as error:
        yield Finding(
            check="broker",
            health=Health.FAILED,
            seen=str(error),
            advice="check address, network and listeners; the broker must advertise an address we can reach",
        )
        return
    spent_ms = (time.perf_counter() - started) * 1000
    yield Finding(check="broker", health=Health.OK, seen=f"{settings.bootstrap} answers in {spent_ms:.0f} ms")
    names = {spec.topic: topic_name(spec.topic, settings.prefix) for spec in TOPICS}
    missing = [name for name in names.values() if name not in partitions]
    wrong = [f"{name} has {partitions[name]}" for name in names.values() if partitions.get(name, 12) != 12]
    if missing:
        yield Finding(
            check="topics",
            health=Health.WARNING,
            seen=f"missing: {', '.join(missing)}",
            advice="run `suture topics`; the parts also make them when they start",
        )
    elif wrong:
        yield Finding(
            check="topics",
            health=Health.FAILED,
            seen=f"partitions differ from {PARTITIONS}: {', '.join(wrong)}",
            advice="use another SUTURE_PREFIX: the place of every key hangs on the number",
        )
    else:
        yield Finding(check="topics", health=Health.OK, seen=f"all {len(names)} are there")
        yield from _times(settings)


def _times(settings: Settings) -> Iterator[Finding]:
    """Compare our clock with the newest times on the log."""
    name = topic_name(Topic.OBSERVATIONS, settings.prefix)
    newest_ms = 0
    for (topic, partition), end in sorted(end_offsets(settings.bootstrap, [name]).items()):
        if end:
            for record in read_range(settings.bootstrap, topic, partition, end - 1):
                newest_ms = max(newest_ms, record.timestamp_ms)
    if not newest_ms:
        yield Finding(
            check="clock",
            health=Health.SKIPPED,
            seen="nothing is on the log yet",
            advice="start a worker, then ask again",
        )
        return
    ahead = from_ms(newest_ms) - clock.now()
    if ahead > _SKEW:
        yield Finding(
            check="clock",
            health=Health.FAILED,
            seen=f"the log's newest entry is {ahead} ahead of this machine",
            advice="set this machine's or the sender's clock by NTP",
        )
    elif -ahead > _STALE:
        yield Finding(
            check="clock",
            health=Health.WARNING,
            seen=f"the log's newest entry is {-ahead} old",
            advice="is a worker running? it ticks every few seconds",
        )
    else:
        yield Finding(check="clock", health=Health.OK, seen="the log's newest entry is of now")


def _codecs() -> Iterator[Finding]:
    missing = [codec for codec in ("zstandard", "lz4", "cramjam") if find_spec(codec) is None]
    if missing:
        yield Finding(
            check="codecs",
            health=Health.FAILED,
            seen=f"missing: {', '.join(missing)}",
            advice="install them: a collector compresses with zstd, and one such message stops a reader",
        )
    else:
        yield Finding(check="codecs", health=Health.OK, seen="zstd, lz4 and snappy can be read")


def _policy(settings: Settings) -> Iterator[Finding]:
    try:
        policy = load_policy(settings.policy)
    except SettingsError as error:
        yield Finding(check="policy", health=Health.FAILED, seen=str(error), advice="mend the file")
        return
    where = str(settings.policy) if settings.policy else "the default: development acts alone, all else asks"
    yield Finding(check="policy", health=Health.OK, seen=f"{where}; rules: {', '.join(sorted(policy.rules))}")


def _credentials(settings: Settings) -> Iterator[Finding]:
    yield _secret(
        "signing keys",
        settings.keys,
        KeyRing.from_text,
        "set SUTURE_KEYS or SUTURE_KEYS_FILE for gate and executor; without it nothing is carried out",
    )
    yield _secret(
        "tokens",
        settings.tokens,
        Tokens,
        "set SUTURE_TOKENS or SUTURE_TOKENS_FILE for approvals over HTTP; `suture approve` needs none",
    )


def _secret(check: str, text: str, parse: Callable[[str], object], advice: str) -> Finding:
    if not text:
        return Finding(check=check, health=Health.WARNING, seen="none is configured", advice=advice)
    try:
        parse(text)
    except (SignatureError, SettingsError) as error:
        return Finding(check=check, health=Health.FAILED, seen=str(error), advice=advice)
    return Finding(check=check, health=Health.OK, seen=f"{len(text.split(','))} configured")


def _journal(settings: Settings) -> Iterator[Finding]:
    folder = settings.journal
    if bucket_of(folder) is not None:
        yield _bucket(folder)
        return
    existing = next((part for part in (folder, *folder.parents) if part.exists()), folder)
    if os.access(existing, os.W_OK):
        yield Finding(check="journal", health=Health.OK, seen=f"{folder} can be written")
    else:
        yield Finding(
            check="journal",
            health=Health.FAILED,
            seen=f"{existing} cannot be written",
            advice="give this user the folder, or set SUTURE_DATA to another",
        )


def _bucket(place: Path) -> Finding:
    advice = "set AWS_* and AWS_ENDPOINT_URL, and give this user the bucket that SUTURE_JOURNAL names"
    try:
        store = open_store(place)
        store.list(store.root / "day=")
    except (OSError, SettingsError) as error:
        seen = f"{place} cannot be listed: {str(error).splitlines()[0]}"
        return Finding(check="journal", health=Health.FAILED, seen=seen, advice=advice)
    return Finding(check="journal", health=Health.OK, seen=f"{place} can be listed")


def _kill_file(settings: Settings) -> Iterator[Finding]:
    if reason := kill_file.reason(settings.kill_switch):
        yield Finding(
            check="kill switch",
            health=Health.WARNING,
            seen=f"on in {settings.kill_switch}: {reason}",
            advice="`suture kill-switch --here --off` lets the executors that see this file act again",
        )
    else:
        yield Finding(check="kill switch", health=Health.OK, seen=f"there is no {settings.kill_switch}")


def _runbooks(settings: Settings) -> Iterator[Finding]:
    if settings.runbooks is None:
        yield Finding(
            check="runbooks",
            health=Health.SKIPPED,
            seen="none are listed",
            advice="set SUTURE_RUNBOOKS where an executor is to run Ansible, scripts, requests or pipelines",
        )
        return
    try:
        listed = load_runbooks(settings.runbooks)
    except SettingsError as error:
        yield Finding(check="runbooks", health=Health.FAILED, seen=str(error), advice="mend the file")
        return
    if listed.ansible and find_spec("ansible_runner") is None:
        yield Finding(
            check="runbooks",
            health=Health.FAILED,
            seen="playbooks of Ansible are listed, ansible-runner is not installed",
            advice="install suture[ansible]",
        )
        return
    counted = (
        f"{len(listed.ansible)} playbooks, {len(listed.scripts)} scripts, {len(listed.http)} requests, "
        f"{len(listed.pipelines)} pipelines"
    )
    yield Finding(check="runbooks", health=Health.OK, seen=counted)


def _cluster(settings: Settings) -> Iterator[Finding]:
    try:
        from actions.kubernetes_api import KubernetesApi
        from actions.kubernetes_deployments import Deployments
    except ImportError:
        yield Finding(
            check="cluster",
            health=Health.SKIPPED,
            seen="the Kubernetes client is not installed",
            advice="install suture[kubernetes] where an executor is to change Deployments",
        )
        return
    try:
        api = KubernetesApi.connect()
        needed = Deployments.rights(TargetKind.DEPLOYMENT)
        for namespace in _namespaces(settings):
            denied = [
                f"{right.verb} {right.resource}"
                for right in api.rights(namespace, needed)
                if not right.is_allowed
            ]
            yield Finding(
                check=f"cluster rights in {namespace}",
                health=Health.FAILED if denied else Health.OK,
                seen=f"denied: {', '.join(denied)}" if denied else "get, list and patch as needed",
                advice="give the executor's account the Role that `suture rbac` prints" if denied else "",
            )
    except ActionError as error:
        yield Finding(
            check="cluster",
            health=Health.SKIPPED,
            seen=str(error),
            advice="set KUBECONFIG where an executor is to change Deployments",
        )


def _sinks(settings: Settings) -> Iterator[Finding]:
    """Tell how far each sink of the notifier is behind."""
    sinks = configured_sinks(settings)
    if not sinks or not settings.bootstrap:
        yield Finding(
            check="notifier",
            health=Health.SKIPPED,
            seen="nobody is to be told",
            advice="set SUTURE_NOTIFY_... where other tools are to be told (docs/notifications.md)",
        )
        return
    topic = topic_name(Topic.EFFECTS, settings.prefix)
    for name in sinks:
        try:
            lag = Lag(settings.bootstrap, sink_group(settings.prefix, name), [topic])
            try:
                behind = lag.entries()
            finally:
                lag.close()
        except LogError as error:
            yield Finding(check=f"sink {name}", health=Health.FAILED, seen=str(error), advice="see broker")
            return
        is_far = behind > _FAR_BEHIND
        yield Finding(
            check=f"sink {name}",
            health=Health.WARNING if is_far else Health.OK,
            seen=f"{behind} effects behind",
            advice="is a notifier running? its log says what the other side answered" if is_far else "",
        )


def _namespaces(settings: Settings) -> list[str]:
    """Return the namespaces that the policy's targets name outright; `default` when it names none."""
    try:
        policy: Policy = load_policy(settings.policy)
    except SettingsError:
        return ["default"]
    named = {rule.target.namespace for rule in policy.rules.values() if "{" not in rule.target.namespace}
    return sorted(named) or ["default"]
