"""The stage: what the story needs of the world that it is played in, on this machine or on a cluster."""

from dataclasses import dataclass
from typing import Protocol

from schemas.keys import ReleaseId
from streams.demo.fault import Fault
from streams.demo.heard import Story
from streams.demo.scene import Scene
from streams.demo.waiting import Patience


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A release that Suture was told of and that began to reach its users.

    Attributes:
        command: The command line that told it.
        template: Hash of what runs it.
    """

    release: ReleaseId
    version: str
    command: str
    template: str


class World(Protocol):
    """Where versions of the shop run."""

    def release(self, version: str, fault: Fault) -> Announced:
        """Tell Suture of a version and begin to roll it out beside the one that runs."""

    def running(self) -> dict[str, int]:
        """Return how many ready instances each version has."""

    def is_all_on(self, version: str) -> bool:
        """Return whether every instance runs this version, and no other is left."""


class Listener(Protocol):
    """Who hears what Suture says."""

    def story(self, release: ReleaseId) -> Story:
        """Return what was said of a release so far; it goes on changing."""


@dataclass(slots=True, kw_only=True)
class Stage:
    """All that the story works with.

    Attributes:
        promotes: Suture gives a healthy version to all instances; where it does not, the rollout goes on
            by itself.
    """

    world: World
    scene: Scene
    ear: Listener
    patience: Patience
    promotes: bool = True
