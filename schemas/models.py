"""Models: what was learnt, from which data, by which code, and whether it is used."""

from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite

from pydantic import AwareDatetime

from schemas.profiles import Profile
from schemas.risk_models import RiskModel


class ModelFamily(StrEnum):
    """What a model is for. JUDGE: a profile of the judge. RISK: the chance of failure before a deploy."""

    JUDGE = "judge"
    RISK = "risk"


class ModelStage(StrEnum):
    """What became of a model.

    CHALLENGER: it runs in shadow beside the champion. CHAMPION: it is used from here on. RETIRED: it was the
    champion and is no longer; what is used instead comes along. REJECTED: a challenger that lost.
    """

    CHALLENGER = "challenger"
    CHAMPION = "champion"
    RETIRED = "retired"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """Where a model comes from.

    Attributes:
        id: Derived from family, content and data.
        parent: Id of the champion that it was learnt beside; "" for none.
        data_from: Start of the first release that it learnt from.
        data_until: Nothing that was known later had a say.
        releases: How many releases it learnt from.
        labels: How many of them had a label.
        code: Version of the code that learnt it.
        seed: What its random numbers came from.
        metrics: Figures by name, on data that it did not learn from.
    """

    id: str
    family: ModelFamily
    parent: str
    data_from: AwareDatetime
    data_until: AwareDatetime
    releases: int
    labels: int
    code: str
    seed: int = 0
    metrics: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("a model has no id, expected one that is derived from its content")
        for name, figure in self.metrics.items():
            if not isfinite(figure):
                raise ValueError(f"metric {name} of model {self.id} is {figure}, expected a finite number")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChanged:
    """A model began, or ended, to be tried or used: told to every key.

    Attributes:
        why: By which rule, with its numbers, as a sentence.
        by: Who: the learner, or a human by name and channel.
        profile: Of the family JUDGE: the challenger's or champion's; for RETIRED what is used from here on,
            None for the rules as they stand.
        risk: Of the family RISK, likewise: the challenger's or champion's; for RETIRED what is used from here
            on, None for the shipped prior.
    """

    card: ModelCard
    stage: ModelStage
    at: AwareDatetime
    why: str
    by: str = "learner"
    profile: Profile | None = None
    risk: RiskModel | None = None

    @property
    def used(self) -> str:
        """Return the id of the model that is used from here on, for a stage that changes it; "" for none."""
        return self.card.id if self.stage is ModelStage.CHAMPION else self.card.parent
