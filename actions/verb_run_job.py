"""One run of a Job from the template of a CronJob, as `kubectl create job --from=cronjob/...` makes it.

Source: kubernetes/kubectl v1.37, pkg/cmd/create/create_job.go; kubernetes.io, Jobs. The Job's name hangs on
the command alone, so the API server itself sees to it that a command that comes again starts nothing.
"""

import hashlib

from actions.actuator import Progress
from actions.errors import ActionError, PermanentActionError, RefusedActionError
from actions.kubernetes_api import AlreadyExistsError, KubernetesApi, NotFoundError
from actions.kubernetes_objects import Json
from actions.kubernetes_resources import CRON_JOBS, JOBS, PODS, Rule
from actions.kubernetes_verb import what, where
from schemas.keys import NO_TEMPLATE, CommandId
from schemas.orders import Command
from schemas.redaction import redact
from schemas.releases import TargetKind

DEADLINE_S = 600
"""Seconds after which the cluster ends a Job whose command says nothing of time."""

KEPT_S = 24 * 60 * 60
"""Seconds for which an ended Job stays, longer than a command lives: until then its name is taken."""

LOG_LINES = 20

_COMMAND = "suture.dev/command"


class RunJob:
    """Runs a Job and waits for its end.

    Never while another one of the same CronJob runs, whoever started it; within one executor group the
    commands to one CronJob come one after the other, so that two of ours cannot miss each other.

    Args:
        api: The cluster.
    """

    kinds: tuple[TargetKind, ...] = (TargetKind.CRON_JOB,)

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    @staticmethod
    def rights(kind: TargetKind) -> tuple[Rule, ...]:  # noqa: ARG004  # there is one kind
        """Return the rights that it needs."""
        return (
            Rule(resource=CRON_JOBS, verbs=("get",)),
            Rule(resource=JOBS, verbs=("get", "list", "create")),
            Rule(resource=PODS, verbs=("list",)),
            Rule(resource=PODS, subresource="log", verbs=("get",)),
        )

    def read_back(self, command: Command) -> Progress:
        """Return how far the command's Job has come.

        Raises:
            PermanentActionError: it failed; holds the last lines that it said.
        """
        name = job_name(command.id, command.target.workload)
        try:
            job = self._api.read(what(command), JOBS, command.target.namespace, name)
        except NotFoundError:
            detail = f"Job {name} was not started"
            return Progress(is_set=False, is_done=False, template=NO_TEMPLATE, detail=detail)
        condition = _end(job)
        if condition is None:
            active = (job.get("status") or {}).get("active", 0)
            detail = f"Job {name} is under way, {active} pods run"
            return Progress(is_set=True, is_done=False, template=NO_TEMPLATE, detail=detail)
        tail = self._log_tail(command, name)
        if condition["type"] == "Failed":
            raise PermanentActionError(
                f"{what(command)}: Job {name} failed: {condition.get('reason', '')} "
                f"{condition.get('message', '')}".rstrip(),
                log_tail=tail,
            )
        detail = f"Job {name} completed"
        return Progress(is_set=True, is_done=True, template=NO_TEMPLATE, detail=detail, log_tail=tail)

    def carry_out(self, command: Command, *, is_rehearsal: bool = False) -> str:
        """Start the Job."""
        target = command.target
        cron_job = self._api.read(what(command), CRON_JOBS, target.namespace, target.workload)
        job = job_from(cron_job, command)
        self._require_alone(command, cron_job, job["metadata"]["name"])
        try:
            self._api.create(what(command), JOBS, target.namespace, job, is_rehearsal=is_rehearsal)
        except AlreadyExistsError:
            return f"Job {job['metadata']['name']} was started already"
        return f"Job {job['metadata']['name']} started from {where(target)}"

    def _require_alone(self, command: Command, cron_job: Json, mine: str) -> None:
        uid = cron_job["metadata"]["uid"]
        for job in self._api.listed(what(command), JOBS, command.target.namespace):
            metadata = job["metadata"]
            owners = metadata.get("ownerReferences") or []
            if any(one.get("uid") == uid for one in owners) and metadata["name"] != mine and not _end(job):
                raise RefusedActionError(
                    f"{what(command)}: Job {metadata['name']} of it is under way since "
                    f"{metadata.get('creationTimestamp', '?')}, two at once are not run"
                )

    def _log_tail(self, command: Command, job: str) -> tuple[str, ...]:
        """Return the last lines of the Job's newest pod, redacted; a log that is gone fails nothing."""
        name, namespace = f"log of Job {job}", command.target.namespace
        try:
            pods = self._api.listed(name, PODS, namespace, f"batch.kubernetes.io/job-name={job}")
            if not pods:
                return ()
            pod = max(pods, key=lambda one: str(one["metadata"].get("creationTimestamp", "")))
            container = pod["spec"]["containers"][0]["name"]
            text = self._api.pod_log(name, namespace, pod["metadata"]["name"], container, LOG_LINES)
        except ActionError as error:
            return (f"(no log: {error})",)
        return tuple(redact(line) for line in text.splitlines()[-LOG_LINES:] if line.strip())


def job_name(command: CommandId, cron_job: str) -> str:
    """Return the name of a command's Job: a DNS label, at most 63 characters.

    >>> job_name(CommandId("c1"), "clear-cache")
    'clear-cache-d0f631ca1ddba8db'
    """
    readable = cron_job[:40].replace(".", "-").strip("-")
    return f"{readable}-{hashlib.sha256(command.encode()).hexdigest()[:16]}"


def job_from(cron_job: Json, command: Command) -> Json:
    """Return the Job of a command: the template's own, bounded in time, tried once unless it says else."""
    template = cron_job["spec"]["jobTemplate"]
    metadata = template.get("metadata") or {}
    spec = dict(template["spec"])
    spec.setdefault("backoffLimit", 0)
    limit = command.timeout_s or DEADLINE_S
    spec["activeDeadlineSeconds"] = min(limit, spec.get("activeDeadlineSeconds") or limit)
    spec["ttlSecondsAfterFinished"] = max(KEPT_S, spec.get("ttlSecondsAfterFinished") or 0)
    annotations = {
        **(metadata.get("annotations") or {}),
        "cronjob.kubernetes.io/instantiate": "manual",
        _COMMAND: command.id,
    }
    return {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.kind,
        "metadata": {
            "name": job_name(command.id, command.target.workload),
            "labels": metadata.get("labels") or {},
            "annotations": annotations,
            # Not as its controller: the CronJob neither counts nor removes what it did not start.
            "ownerReferences": [
                {
                    "apiVersion": CRON_JOBS.api_version,
                    "kind": CRON_JOBS.kind,
                    "name": cron_job["metadata"]["name"],
                    "uid": cron_job["metadata"]["uid"],
                }
            ],
        },
        "spec": spec,
    }


def _end(job: Json) -> Json | None:
    """Return the condition that says how a Job ended; None while it runs."""
    for condition in (job.get("status") or {}).get("conditions") or []:
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
            found: Json = condition
            return found
    return None
