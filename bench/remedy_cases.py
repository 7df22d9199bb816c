"""The troubles that playbooks are for, each brought about in real pods, and how it is seen that one is gone.

What is seen here is what a user or an operator sees: the product is not asked.
"""

import json
import subprocess
import urllib.request
from abc import abstractmethod
from pathlib import Path
from typing import Protocol

from bench.product_world import World
from bench.remedy_manifests import ENVIRONMENT, SHARED, STATE, Service
from infra.dev import shop_images
from schemas.errors import SutureError

LEAK_LIMIT = "64Mi"
_FILLINGS = 20


class Trouble(Protocol):
    """One service and what happens to it.

    Attributes:
        name: Of the trouble, in words.
        playbook: The shipped playbook that should mend it, without its version.
        service: Of its own.
        flood: Requests per second that keep coming from the strike on, beside the usual ones.
        comes_alone: It is tried after the others. Of two releases that do damage at a time the second waits
            for a human, who is to say which of them is to blame.
    """

    name: str
    playbook: str
    service: Service
    flood: float
    comes_alone: bool = False

    @abstractmethod
    def prepare(self, world: World) -> None:
        """Bring about a service that is well."""

    @abstractmethod
    def strike(self, world: World) -> None:
        """Bring the trouble about."""

    @abstractmethod
    def is_mended(self, world: World) -> bool:
        """Return whether it is gone, beside ready pods and answered requests, which all troubles share."""


class _Deployed(Trouble):
    """A service that is a Deployment, and is mended when its pods are ready and answer."""

    def __init__(self, name: str, playbook: str, service: Service, flood: float = 0.0) -> None:
        self.name, self.playbook, self.service, self.flood = name, playbook, service, flood

    def prepare(self, world: World) -> None:
        world.reader.apply(self.service.deployment())

    def strike(self, world: World) -> None:
        """Do nothing: the flood is the trouble."""

    def is_mended(self, world: World) -> bool:
        return bool(world.board.places(self.service.name))


class SpoiledPod(_Deployed):
    """The state of one pod is spoiled: restarts of its container do not help, another pod does."""

    def __init__(self, name: str, way: str, service: Service) -> None:
        super().__init__(name, "restart-crashed-pod", service)
        self._way = way
        self._spoiled = ""

    def strike(self, world: World) -> None:
        """Ask one pod to spoil its state."""
        pod = world.board.pods(self.service.name)[0]
        self._spoiled = pod["metadata"]["uid"]
        _post(f"http://{pod['status']['podIP']}:8080/{self._way}")

    def is_mended(self, world: World) -> bool:
        """Return whether that very pod is gone."""
        return all(pod["metadata"]["uid"] != self._spoiled for pod in world.board.pods(self.service.name))


class FullCache(_Deployed):
    """A cache that pods share is full, and stays full until another generation begins."""

    def __init__(self, name: str, folder: Path) -> None:
        environment = {"CACHE_FOLDER": SHARED, "CACHE_BYTES": str(16 * 1024 * 1024)}
        service = Service(
            name="cache", shared=folder / "cache", reads=("CACHE_GENERATION",), environment=environment
        )
        super().__init__(name, "clear-cache", service)

    def prepare(self, world: World) -> None:
        """Give the pods a ConfigMap that names the generation."""
        world.reader.apply(self.service.config_map(CACHE_GENERATION="1"))
        super().prepare(world)

    def strike(self, world: World) -> None:
        """Fill it by requests, until one fails.

        Raises:
            SutureError: it is not full after very many.
        """
        targets = [f"http://{place.address}/" for place in world.board.places(self.service.name)]
        for _ in range(_FILLINGS):
            counts = _load(["--target", ",".join(targets), "--rate", "500", "--seconds", "3"])
            if counts["by_status"].get("500"):
                return
        raise SutureError(
            f"the cache of {self.service.name} is not full after {_FILLINGS} rounds of requests"
        )


class FailedMigration(_Deployed):
    """A migration's first run loses its connection."""

    def __init__(self, name: str, folder: Path) -> None:
        service = Service(name="data", shared=folder / "data")
        super().__init__(name, "rerun-migration", service)

    def prepare(self, world: World) -> None:
        """Make the CronJob as well that migrations are started from."""
        world.reader.apply(self.service.migration("2", SCHEMA_FOLDER=SHARED, MIGRATION_FAILS_FIRST="true"))
        super().prepare(world)

    def strike(self, world: World) -> None:
        """Start a migration as a pipeline does."""
        world.kubectl("create", "job", "--from=cronjob/data-migrate", "data-migrate-by-pipeline")

    def is_mended(self, world: World) -> bool:
        """Return whether the data were migrated by a second run that no other one met."""
        data = world.folder / "data"
        if not (data / "schema").exists():
            return False
        runs = len((data / "runs").read_text().splitlines())
        return (data / "schema").read_text() == "2\n" and runs == 2 and not (data / "overlaps").exists()


class BadRelease(_Deployed):
    """A new version is bad; a pipeline tells of it."""

    def __init__(self, name: str, service: Service, *, comes_alone: bool = False, **bad: str) -> None:
        super().__init__(name, "undo-release", service)
        self.comes_alone = comes_alone
        self._bad = bad

    def strike(self, world: World) -> None:
        """Release it."""
        world.announce(self.service.name, "2", ENVIRONMENT)
        world.reader.apply(self.service.deployment("2", shop_images.SHOP_V2, **self._bad))

    def is_mended(self, world: World) -> bool:
        """Return whether no pod of the new version is left."""
        return all(
            pod["metadata"]["labels"]["app.kubernetes.io/version"] == "1"
            for pod in world.board.pods(self.service.name)
        )


def troubles(folder: Path) -> list[Trouble]:
    """Return one trouble of every sort, each of a service of its own.

    Args:
        folder: On the node, for what pods share.
    """
    state = {"STATE_FOLDER": STATE}
    pool = {"POOL_SIZE": "1", "POOL_SERVICE_S": "0.05", "POOL_PATIENCE_S": "0.5"}
    return [
        SpoiledPod(
            "a pod crashes again and again",
            "corrupt",
            Service(name="crashing", replicas=3, has_state=True, environment=state),
        ),
        SpoiledPod(
            "a pod is killed for its memory",
            "leak",
            Service(name="leaking", replicas=3, has_state=True, environment=state, memory=LEAK_LIMIT),
        ),
        FullCache("a cache is full", folder),
        FailedMigration("a migration fails", folder),
        _Deployed("too many requests", "scale-out", Service(name="busy", environment=pool), flood=35.0),
        BadRelease(
            "a release fails requests",
            Service(name="failing", replicas=4, min_ready_s=12),
            FAULT="errors",
            FAULT_RATIO="0.3",
        ),
        BadRelease(
            "a release leaks memory",
            Service(name="leaky", replicas=4, min_ready_s=12, memory=LEAK_LIMIT),
            comes_alone=True,
            FAULT="oom",
        ),
    ]


def _load(arguments: list[str]) -> dict[str, dict[str, int]]:
    """Send requests and return the counts of their answers."""
    command = [str(shop_images.shop_binary()), "load", *arguments]
    counts: dict[str, dict[str, int]] = json.loads(subprocess.check_output(command, timeout=60))
    return counts


def _post(url: str) -> None:
    request = urllib.request.Request(url, method="POST")  # noqa: S310  # a pod of ours
    try:
        urllib.request.urlopen(request, timeout=10.0).close()  # noqa: S310  # a pod of ours
    except ConnectionError:
        return  # Who ends its process does not answer.
