"""Labels: what is said of a release afterwards, by whom, and how far that is to be trusted."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime

from schemas.instants import require_aware
from schemas.keys import EnvironmentName, ReleaseId, ServiceName, derived_id
from schemas.typed_text import hush


class LabelKind(StrEnum):
    """What a release was.

    BAD: it did damage. GOOD: it did none. HARMLESS: what was found was no damage worth acting on.
    """

    BAD = "bad"
    GOOD = "good"
    HARMLESS = "harmless"


class LabelSource(StrEnum):
    """Where a label comes from.

    APPROVAL: a human agreed to a rollback or a promotion. REJECTION: a human refused a rollback. HUMAN: a
    human labelled the release itself. OUTCOME: what became of the service once the release was taken back.
    AFTERCARE: it was judged healthy and nothing came after that. REVERT: its commit was reverted in Git.
    INCIDENT: somebody's incident on the service, after a healthy end. ALERT: an alert on it, after that.
    """

    APPROVAL = "approval"
    REJECTION = "rejection"
    HUMAN = "human"
    OUTCOME = "outcome"
    AFTERCARE = "aftercare"
    REVERT = "revert"
    INCIDENT = "incident"
    ALERT = "alert"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTrust:
    """How far a source is believed before anything was seen of how it agrees with others.

    Attributes:
        trust: How likely its label is right, where good and bad are equally likely before, from 0.5 to 1.
        origin: Where the number comes from.
        reach: Of releases that were bad, the share that it ever tells of; None for a source that answers
            either way once asked, and whose silence says nothing.
        delay: How long after it could first speak it usually does, for a source with a reach.
        horizon: Later than this it is not heard as a word on the release.
    """

    trust: float
    origin: str
    reach: float | None = None
    delay: timedelta = timedelta(0)
    horizon: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if not 0.5 <= self.trust < 1.0:
            raise ValueError(f"trust is {self.trust}, expected a number from 0.5 up to below 1")


TRUST: dict[LabelSource, SourceTrust] = {
    LabelSource.HUMAN: SourceTrust(
        trust=0.9,
        origin="a guess: said on purpose and afterwards, yet people err more often than in the 3 % of labels "
        "that Northcutt et al. (2021) found wrong in data sets made with care",
    ),
    LabelSource.APPROVAL: SourceTrust(
        trust=0.8, origin="a guess: said in a hurry, with the verdict before one's eyes"
    ),
    LabelSource.REJECTION: SourceTrust(
        trust=0.8, origin="a guess, as for an approval; some refuse for reasons that are not the release's"
    ),
    LabelSource.OUTCOME: SourceTrust(
        trust=0.75,
        origin="a guess: what passes by itself recovers after an undo, too, and caches stay broken after one",
    ),
    LabelSource.AFTERCARE: SourceTrust(
        trust=0.6, origin="a guess: silence of the judge that had called it healthy adds little to that"
    ),
    LabelSource.REVERT: SourceTrust(
        trust=0.85,
        origin="a guess: few revert what was good, but some for a date or a feature that nobody wants",
        reach=0.3,
        delay=timedelta(hours=24),
        horizon=timedelta(days=14),
    ),
    LabelSource.INCIDENT: SourceTrust(
        trust=0.65,
        origin="a guess: somebody was called, for whatever reason, and many outages follow no release",
        reach=0.3,
        delay=timedelta(hours=4),
        horizon=timedelta(hours=24),
    ),
    LabelSource.ALERT: SourceTrust(
        trust=0.6,
        origin="a guess: a rule fired that nobody may look at; most alerts have nothing to do with a release",
        reach=0.4,
        delay=timedelta(hours=2),
        horizon=timedelta(hours=24),
    ),
}
"""How far each source is believed at first. The numbers are where `feature_store.label_model` begins: once
sources have agreed and disagreed often enough, what it estimates counts instead."""

NO_SERVICE = ServiceName("")
"""Stands where no service is named."""

LONGEST_WHY = 500
"""Characters of a label's reason."""

COMMITS_MOST = 50
"""Commits that one revert may name."""


def fading_trust(source: LabelSource, delay: timedelta) -> float:
    """Return how far a later event is believed to be a release's doing: halfway to nothing each usual delay.

    >>> fading_trust(LabelSource.ALERT, timedelta(0)), fading_trust(LabelSource.ALERT, timedelta(hours=2))
    (0.6, 0.55)
    """
    known = TRUST[source]
    halves = max(delay, timedelta(0)) / known.delay
    faded: float = 0.5 + (known.trust - 0.5) * 2.0**-halves
    return round(faded, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One word on one release; several may disagree.

    Attributes:
        id: Derived from release, source and what it follows from: said twice is once.
        by: Who said so, as "name via channel".
        about: Id of what it follows from, such as a hold.
        trust: How likely it is right, from 0 to 1; a guess that belongs to the source.
    """

    id: str
    release: ReleaseId
    environment: EnvironmentName
    service: ServiceName
    kind: LabelKind
    source: LabelSource
    by: str
    at: AwareDatetime
    about: str
    trust: float
    why: str = ""

    def __post_init__(self) -> None:
        if not 0.0 <= self.trust <= 1.0:
            raise ValueError(f"trust is {self.trust}, expected a number from 0 to 1")
        hush(self, "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A release was labelled: told to its environment, which passes it on."""

    label: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterwordTold:
    """Another system tells something of a release after the fact: told to an environment, which finds which.

    It is found by exactly one of: its commits (a revert), its service (an incident), a question's code (what
    a person wrote about it).

    Attributes:
        source: REVERT, INCIDENT, or HUMAN for a person's own words.
        about: What the other system knows it by: the reverting commit, the incident, the note.
        by: Who told, as the channel calls them; of a person the channel's id, which the policy may name.
        channel: Where: github, gitlab, pagerduty.
        at: When it happened.
        kind: What it says the release was.
        service: Of an incident.
        commits: Of a revert, each as many digits as were written.
        code: Of a person's words, the code of the question that they stand with.
    """

    environment: EnvironmentName
    source: LabelSource
    about: str
    by: str
    channel: str
    at: AwareDatetime
    kind: LabelKind = LabelKind.BAD
    service: ServiceName = NO_SERVICE
    commits: tuple[str, ...] = ()
    code: str = ""
    why: str = ""

    def __post_init__(self) -> None:
        require_aware("at", self.at)
        found_by = {
            LabelSource.REVERT: self.commits,
            LabelSource.INCIDENT: self.service,
            LabelSource.HUMAN: self.code,
        }
        if self.source not in found_by:
            raise ValueError(f"an afterword is of {self.source}, expected revert, incident or human")
        if not found_by[self.source] or sum(map(bool, found_by.values())) != 1:
            raise ValueError(
                "an afterword names commits, a service or a code, expected what its source goes by"
            )
        if len(self.commits) > COMMITS_MOST:
            raise ValueError(f"a revert names {len(self.commits)} commits, expected at most {COMMITS_MOST}")
        hush(self, "why")


def human_label(
    *,
    release: ReleaseId,
    environment: EnvironmentName,
    service: ServiceName,
    kind: LabelKind,
    by: str,
    at: datetime,
    why: str = "",
) -> Label:
    """Return what a human says of a release: the same words of the same person are the same label."""
    return Label(
        id=derived_id("label", release, LabelSource.HUMAN, by, kind, why),
        release=release,
        environment=environment,
        service=service,
        kind=kind,
        source=LabelSource.HUMAN,
        by=by,
        at=at,
        about=by,
        trust=TRUST[LabelSource.HUMAN].trust,
        why=why,
    )
