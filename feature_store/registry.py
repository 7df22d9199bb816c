"""The registry of models: read from the journal, which holds every one with all that was decided about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from feature_store.kinds import Kind, said_from_body
from feature_store.views import Connection
from schemas.errors import SettingsError
from schemas.models import ModelCard, ModelChanged, ModelFamily, ModelStage
from schemas.profiles import Profile

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
        return self.changes[-1].card

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
        """Return its own profile; what a retirement names is another's."""
        return next(
            (change.profile for change in reversed(self.changes) if change.stage is not ModelStage.RETIRED),
            None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Models of one family.

    Attributes:
        models: By id, in the order in which they were first told of.
        champion: Id of the one that is used; "" for the rules as they stand.
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
        SettingsError: it is so already, or it has no profile.
    """
    if model.card.id == registry.champion:
        raise SettingsError(f"model {model.card.id} is the champion, expected another one")
    if model.profile is None:
        raise SettingsError(f"model {model.card.id} has no profile, expected one that was learnt")
    return ModelChanged(
        card=model.card, stage=ModelStage.CHAMPION, at=at, why=why, by=by, profile=model.profile
    )


def retired(registry: Registry, at: datetime, why: str, by: str) -> ModelChanged:
    """Return what ends the champion; its parent is used again, or the rules as they stand where it has none.

    Raises:
        SettingsError: no model is used.
    """
    model = registry.models.get(registry.champion)
    if model is None:
        raise SettingsError("no model is the champion, expected one to retire")
    parent = registry.models.get(model.card.parent)
    return ModelChanged(
        card=model.card,
        stage=ModelStage.RETIRED,
        at=at,
        why=why,
        by=by,
        profile=parent.profile if parent is not None else None,
    )
