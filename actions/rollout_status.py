"""What a Rollout of Argo says of itself, on JSON: which templates, how far, and what is lacking.

Source: argoproj/argo-rollouts v1.10.1, utils/rollout/rolloututil.go (phase, what was observed),
pkg/kubectl-argo-rollouts/cmd/promote/promote.go (what a promotion writes) and
utils/replicaset/canary.go (the current step).
"""

from dataclasses import dataclass

from actions.errors import PermanentActionError
from actions.kubernetes_objects import Json, version_of
from schemas.keys import TemplateHash

HASH_LABEL = "rollouts-pod-template-hash"
_ABORTED = "RolloutAborted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """What was read.

    Attributes:
        body: The Rollout.
        kept: Its ReplicaSets.
        reference: The Deployment that holds its template (`workloadRef`); None when it holds it itself.
    """

    body: Json
    kept: list[Json]
    reference: Json | None = None

    @property
    def version(self) -> str:
        """Return what tells one state of it from the next."""
        return version_of(self.body) + ("" if self.reference is None else f" {version_of(self.reference)}")

    @property
    def status(self) -> Json:
        """Return what the controller says."""
        found: Json = self.body.get("status") or {}
        return found

    @property
    def newest(self) -> TemplateHash:
        """Return the hash of the template that it asks for."""
        return TemplateHash(self.status.get("currentPodHash") or "")

    @property
    def stable(self) -> TemplateHash:
        """Return the hash of the template that was promoted last; "" before the first one."""
        return TemplateHash(self.status.get("stableRS") or "")

    @property
    def serving(self) -> TemplateHash:
        """Return the hash of the template that new pods are made from: after an abort the stable one."""
        return self.stable if self.is_aborted else self.newest

    @property
    def is_under_way(self) -> bool:
        """Return whether an update is neither promoted in full nor the very first."""
        return self.stable != "" and self.newest != self.stable

    @property
    def is_aborted(self) -> bool:
        """Return whether its update is ordered to be aborted."""
        return bool(self.status.get("abort"))

    @property
    def is_abort_seen(self) -> bool:
        """Return whether the controller has aborted an update and not started again since."""
        return any(one.get("reason") == _ABORTED for one in self.status.get("conditions") or [])

    @property
    def is_paused(self) -> bool:
        """Return whether somebody paused it, beside the pauses of its own steps."""
        return bool(self.body["spec"].get("paused"))

    @property
    def is_blue_green(self) -> bool:
        """Return whether all traffic moves at once."""
        return "blueGreen" in (self.body["spec"].get("strategy") or {})

    @property
    def step(self) -> int | None:
        """Return the place of the current step, one beyond the last when all are done; None without steps."""
        canary = (self.body["spec"].get("strategy") or {}).get("canary") or {}
        return int(self.status.get("currentStepIndex") or 0) if canary.get("steps") else None

    @property
    def is_unpausing(self) -> bool:
        """Return whether its pause was lifted and the controller has not gone on yet."""
        return bool(self.status.get("controllerPause")) and not self.status.get("pauseConditions")

    @property
    def phase(self) -> str:
        """Return the controller's phase and message, such as "Paused: CanaryPauseStep"."""
        words = (self.status.get("phase") or "", self.status.get("message") or "")
        return ": ".join(word for word in words if word) or "no phase yet"

    def unseen(self) -> str:
        """Return which change the controller has not seen yet; "" when it is up to date.

        A generation that is no number, or larger than the object's, is a hash of old controllers.
        """
        generation = self.body["metadata"].get("generation", 0)
        seen = str(self.status.get("observedGeneration") or "0")
        if seen.isdecimal() and int(seen) < generation:
            return f"generation {generation} is not seen by its controller, which saw {seen}"
        if self.reference is None:
            return ""
        generation = self.reference["metadata"].get("generation", 0)
        seen = str(self.status.get("workloadObservedGeneration") or "")
        if seen.isdecimal() and int(seen) < generation:
            return (
                f"generation {generation} of its Deployment is not seen by its controller, which saw {seen}"
            )
        return ""

    def lacking_of_promotion(self) -> str:
        """Return what the newest template lacks to be all there is; "" when it is.

        Raises:
            PermanentActionError: the update failed or was aborted.
        """
        for condition in self.status.get("conditions") or []:
            reason = condition.get("reason")
            is_late = reason == "ProgressDeadlineExceeded"
            # An earlier update's abort stands there until the controller starts the next one.
            is_over = reason == _ABORTED and self.is_aborted
            if condition.get("type") == "InvalidSpec" or is_late or is_over:
                name = f"{self.body['metadata']['namespace']}/{self.body['metadata']['name']}"
                raise PermanentActionError(f"rollout of {name}: {condition.get('message', '')}")
        if self.newest != self.stable or self.status.get("phase") != "Healthy":
            return self.phase
        return ""

    def lacking_of_abort(self) -> str:
        """Return what an abort lacks until the stable template serves alone; "" when it does."""
        if not self.is_abort_seen:
            return "its controller has not aborted the update yet"
        wanted = 1 if self.body["spec"].get("replicas") is None else self.body["spec"]["replicas"]
        available = self._replicas(self.stable, "availableReplicas")
        if available < wanted:
            return f"{available} of {wanted} stable pods are available"
        if self.is_blue_green:
            active = (self.status.get("blueGreen") or {}).get("activeSelector")
            return "" if active == self.stable else f"the active service still selects {active}"
        weights = (self.status.get("canary") or {}).get("weights")
        if weights is not None:
            # Pods of the canary stay for a while without traffic.
            weight = (weights.get("canary") or {}).get("weight", 0)
            return f"the canary still gets {weight} % of the traffic" if weight else ""
        rest = self._replicas(self.newest, "replicas")
        return f"{rest} pods of template {self.newest} still run" if rest else ""

    def is_past(self, step: int) -> bool:
        """Return whether a step of its update lies behind it."""
        if self.newest == self.stable:
            return True
        if self.is_blue_green:
            return bool((self.status.get("blueGreen") or {}).get("activeSelector") == self.newest)
        return self.step is not None and self.step > step

    def past_current_step(self) -> Json | None:
        """Return the status that lets it go past where it waits; None when there is nothing to go past.

        Of a pause the controller itself goes on to the next step; of an analysis that was inconclusive
        or still runs, it is told to.
        """
        conditions, step = self.status.get("pauseConditions"), self.step
        if step is not None:
            steps = len(self.body["spec"]["strategy"]["canary"]["steps"])
            following = min(step + 1, steps)
            analysis = (self.status.get("canary") or {}).get("currentStepAnalysisRunStatus") or {}
            is_inconclusive = analysis.get("status") == "Inconclusive"
            if is_inconclusive and conditions and self.status.get("controllerPause"):
                return {"pauseConditions": None, "controllerPause": False, "currentStepIndex": following}
            if not conditions:
                return {"pauseConditions": None, "currentStepIndex": following}
        return {"pauseConditions": None} if conditions else None

    def _replicas(self, template: TemplateHash, field: str) -> int:
        return sum(
            int((one.get("status") or {}).get(field) or 0) for one in self.kept if hash_of(one) == template
        )


def hash_of(replica_set: Json) -> TemplateHash:
    """Return the template hash that the controller gave a ReplicaSet; "" without one."""
    return TemplateHash((replica_set["metadata"].get("labels") or {}).get(HASH_LABEL, ""))


def template_of(replica_set: Json) -> Json:
    """Return a ReplicaSet's pod template without the label that the controller adds."""
    template = replica_set["spec"]["template"]
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    return {**template, "metadata": {**metadata, "labels": labels}}
