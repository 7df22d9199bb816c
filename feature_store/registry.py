"""The registry of models: read from the journal, which holds every one with all that was decided about it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from feature_store.kinds import Kind, said_from_body
from feature_store.views import Connection
from schemas.errors import SettingsError
from schemas.models import ModelCard, ModelChanged, ModelFamily, ModelStage
from schemas.profiles import Profile
from schemas.risk_models import RiskModel

_CHANGES = """
SELECT any_value(body)
FROM effects
WHERE kind = 'model' AND happened_at <= $1
GROUP BY about, answer, happened_at
ORDER BY happened_at, min(cause_partition), min(cause_offset), about
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What became of one model.

    Attributes:
        changes: All that was decided about it, the oldest first, at least one.
    """

    changes: tuple[ModelChanged, ...]

    @property
    def card(self) -> ModelCard:
        """Return where it comes from."""
        return self.changes[0].card

    @property
    def stage(self) -> ModelStage:
        """Return what it is now."""
        return self.changes[-1].stage

    @property
    def since(self) -> datetime:
        """Return since when."""
        return self.changes[-1].at

    @property
    def profile(self) -> Profile | None:
        """Return its own profile; None for a model of risk."""
        own = self._own
        return None if own is None else own.profile

    @property
    def risk(self) -> RiskModel | None:
        """Return its own chances of failure; None for a profile."""
        own = self._own
        return None if own is None else own.risk

    @property
    def _own(self) -> ModelChanged | None:
        """Return what carries its content: what a retirement carries is another's."""
        told = [change for change in self.changes if change.stage is not ModelStage.RETIRED]
        return told[-1] if told else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Models of one family.

    Attributes:
        models: By id, in the order in which they were first told of.
        champion: Id of the one that is used; "" for the rules as they stand, or the shipped prior of risk.
    """

    models: Mapping[str, Standing]
    champion: str = ""

    @property
    def champion_profile(self) -> Profile | None:
        """Return the profile that is used; None for the rules as they stand."""
        return self.models[self.champion].profile if self.champion in self.models else None

    @property
    def challenger(self) -> Standing | None:
        """Return the newest model that still runs in shadow."""
        tried = [one for one in self.models.values() if one.stage is ModelStage.CHALLENGER]
        return max(tried, key=lambda one: one.since) if tried else None

    @property
    def profiles(self) -> dict[str, Profile]:
        """Return all profiles by id."""
        return {name: one.profile for name, one in self.models.items() if one.profile is not None}

    def find(self, name: str) -> Standing:
        """Return the one model whose id begins so.

        Raises:
            SettingsError: there is none, or several.
        """
        found = [one for model, one in self.models.items() if model.startswith(name)]
        if len(found) != 1 or not name:
            raise SettingsError(
                f"{name!r} fits {len(found)} models, expected the beginning of an id of `suture models`"
            )
        return found[0]


def read_registry(
    connection: Connection, family: ModelFamily = ModelFamily.JUDGE, as_of: datetime | None = None
) -> Registry:
    """Return the models of a family, as they stood at an instant.

    Args:
        connection: From `feature_store.views.connect`.
        family: Which.
        as_of: What was decided later is left out; None for all.
    """
    until = as_of or datetime(9999, 1, 1, tzinfo=UTC)
    changes = []
    for (body,) in connection.execute(_CHANGES, [until]).fetchall():
        said = said_from_body(Kind.MODEL, body)
        if isinstance(said, ModelChanged) and said.card.family is family:
            changes.append(said)
    return registry_of(changes)


def registry_of(changes: list[ModelChanged]) -> Registry:
    """Return where models stand after some changes, the oldest first."""
    by_model: dict[str, list[ModelChanged]] = {}
    champion = ""
    for change in changes:
        by_model.setdefault(change.card.id, []).append(change)
        if change.stage is ModelStage.CHAMPION:
            champion = change.card.id
        elif change.stage is ModelStage.RETIRED and champion == change.card.id:
            champion = change.card.parent
    models = {name: Standing(changes=tuple(mine)) for name, mine in by_model.items()}
    return Registry(models=models, champion=champion)


def promoted(registry: Registry, model: Standing, at: datetime, why: str, by: str) -> ModelChanged:
    """Return what makes a model the one that is used.

    Raises:
        SettingsError: it is so already, or nothing tells what it holds.
    """
    if model.card.id == registry.champion:
        raise SettingsError(f"model {model.card.id} is the champion, expected another one")
    if model.profile is None and model.risk is None:
        raise SettingsError(f"model {model.card.id} has no content, expected one that was learnt")
    return ModelChanged(
        card=model.card,
        stage=ModelStage.CHAMPION,
        at=at,
        why=why,
        by=by,
        profile=model.profile,
        risk=model.risk,
    )


def retired(registry: Registry, at: datetime, why: str, by: str) -> ModelChanged:
    """Return what ends the champion; its parent is used again, or what holds without any model.

    A parent that was retired itself is passed over for its own: nothing comes back that had to go.

    Raises:
        SettingsError: no model is used.
    """
    model = registry.models.get(registry.champion)
    if model is None:
        raise SettingsError("no model is the champion, expected one to retire")
    parent = used_before(registry, model)
    return ModelChanged(
        # Whoever hears of it goes by the parent's name from here on.
        card=replace(model.card, parent="" if parent is None else parent.card.id),
        stage=ModelStage.RETIRED,
        at=at,
        why=why,
        by=by,
        profile=None if parent is None else parent.profile,
        risk=None if parent is None else parent.risk,
    )


def used_before(registry: Registry, model: Standing) -> Standing | None:
    """Return the nearest parent that was not retired itself; None for the rules, or the shipped prior."""
    passed = [model.card.id]
    parent = registry.models.get(model.card.parent)
    while parent is not None and parent.card.id not in passed:
        if parent.stage is not ModelStage.RETIRED:
            return parent
        passed.append(parent.card.id)
        parent = registry.models.get(parent.card.parent)
    return None
