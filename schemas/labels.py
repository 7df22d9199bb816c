"""Labels: what is said of a release afterwards, by whom, and how far that is to be trusted."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import AwareDatetime

from schemas.keys import EnvironmentName, ReleaseId, ServiceName


class LabelKind(StrEnum):
    """What a release was.

    BAD: it did damage. GOOD: it did none. HARMLESS: what was found was no damage worth acting on.
    """

    BAD = "bad"
    GOOD = "good"
    HARMLESS = "harmless"


class LabelSource(StrEnum):
    """Where a label comes from.

    APPROVAL: a human agreed to a rollback or a promotion. REJECTION: a human refused a rollback.
    """

    APPROVAL = "approval"
    REJECTION = "rejection"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A release was labelled: told to its environment, which passes it on."""

    label: Label
