"""What a backtest is given by its names: logs, contenders and labels, from files and an installation."""

from datetime import datetime
from pathlib import Path

from actions.playbook_files import load_playbooks, with_playbooks
from actions.policy_file import load_policy
from schemas.codec import from_json
from schemas.errors import SchemaError, SettingsError
from schemas.models import ModelChanged, ModelFamily
from schemas.policy import Policy
from schemas.profiles import Profile
from streams.backtest_contenders import Contender
from streams.backtest_log import BacktestLog
from streams.backtest_pod_minutes import PodMinutes
from streams.backtest_recording import RecordedTopics
from streams.backtest_truth import Truth, Truths, read_truths
from streams.pod_minutes import is_pod_minutes
from streams.recorded_log import open_log
from streams.settings import Settings


def log_of(settings: Settings, file: Path | None, since: datetime | None) -> BacktestLog:
    """Return the log of a file, of an archive's folder, or of the installation.

    Args:
        settings: Say where the archive and the broker are.
        file: A recording, pod-minutes, or an archive's folder; None for the installation's own log.
        since: Begin there; pod-minutes are read from their beginning.

    Raises:
        SettingsError: there is nothing, or nothing in it.
        SchemaError: the file is malformed.
        LogError: Kafka cannot be reached.
    """
    if file is None:
        found = RecordedTopics(open_log(settings), since, "the recorded log")
        if not found.parts(1):
            raise SettingsError(
                f"nothing is recorded in {settings.archive_folder}, expected an archive, a broker in "
                "KAFKA_BOOTSTRAP, or a file"
            )
        return found
    if not file.exists():
        raise SettingsError(f"there is nothing at {file}, expected a recording or an archive's folder")
    if file.is_file() and is_pod_minutes(file):
        return PodMinutes.read(file)
    return RecordedTopics(open_log(file), since, file.name)


def champion_of(settings: Settings, file: Path | None) -> Contender:
    """Return the champion: a policy file's settings, or those that the log holds.

    Raises:
        SettingsError: a file cannot be read or has mistakes.
    """
    if file is not None:
        return Contender(name=file.stem, policy=_policy(settings, file))
    # A log that begins in the middle does not tell again what held by then: most likely what holds today.
    return Contender(name="champion", before=_policy(settings, settings.policy))


def candidate_of(settings: Settings, file: Path | None, profile: str, data: Path) -> Contender:
    """Return the candidate: a policy file's settings, a learnt profile, or both.

    Args:
        settings: Of the installation.
        file: A policy file; None for the log's own settings.
        profile: A file of a profile as JSON, or the id of a model that the journal knows; "" for none.
        data: The journal's folder.

    Raises:
        SettingsError: neither is given, or what is given cannot be read.
    """
    if file is None and not profile:
        raise SettingsError("there is no candidate, expected --candidate FILE or --profile FILE or ID")
    names = [*([file.stem] if file else []), *([Path(profile).stem] if profile else [])]
    return Contender(
        name="+".join(names),
        policy=_policy(settings, file) if file else None,
        profile=_profile(profile, data) if profile else None,
        before=None if file else _policy(settings, settings.policy),
    )


def truths_of(file: Path | None, journal: Path, as_of: datetime | None = None) -> Truths:
    """Return the labels of a CSV file, or what the journal's labels say together.

    Args:
        file: See `backtest_truth.read_truths`; None for the journal.
        journal: Its folder; one that is not there knows nothing.
        as_of: Nothing that was said later is used; None for all there is.

    Raises:
        SettingsError: the file cannot be read or has mistakes.
    """
    if file is not None:
        return read_truths(file)
    if not journal.is_dir():
        return Truths()
    from feature_store.label_posteriors import label_posteriors
    from feature_store.views import connect

    with connect(journal) as connection:
        rows = label_posteriors(connection, as_of).to_pylist()
    return Truths(
        of_release={
            str(row["release"]): Truth(p_bad=row["p_bad"], weight=min(max(row["weight"], 0.0), 1.0))
            for row in rows
            if row["labels"]
        }
    )


def _policy(settings: Settings, file: Path | None) -> Policy:
    return with_playbooks(load_policy(file), load_playbooks(settings.playbooks))


def _profile(name: str, journal: Path) -> Profile:
    file = Path(name)
    if file.is_file():
        try:
            return from_json(Profile, file.read_bytes())
        except (OSError, SchemaError) as error:
            raise SettingsError(f"{file}: is no profile: {error}") from error
    from feature_store.kinds import Kind
    from feature_store.views import connect

    with connect(journal) as connection:
        rows = connection.execute(
            "SELECT body FROM effects WHERE kind = ? ORDER BY happened_at", [Kind.MODEL.value]
        ).fetchall()
    for (body,) in reversed(rows):
        change = from_json(ModelChanged, body)
        if change.card.id == name and change.profile is not None and change.card.family is ModelFamily.JUDGE:
            return change.profile
    raise SettingsError(f"{name} is no file and no model of the journal, expected one of both")
