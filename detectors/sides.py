"""Which pods run the release and which run what was there before."""

import re
from dataclasses import dataclass

from detectors.windows import Pod, ServiceWindow
from schemas.instants import to_ms
from schemas.keys import NO_TEMPLATE, TemplateHash
from schemas.releases import Release

_POD_OF_REPLICASET = re.compile(r".+-([a-z0-9]{5,10})-[a-z0-9]{5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The two sides of a comparison.

    Attributes:
        canary: Keys of the release's pods in the window, sorted.
        stable: Keys of all other pods that spoke, sorted.
        callers: Keys of the callers' pods that told of this service's answers, sorted.
        join: How the canary's pods were told from the others: template, replicaset, version or pod.
        echoes: Canary pods that are heard under a deleted pod's name as well, with that pod.
        past: Canary pods whose minutes before the span are known and are its quiet time, too: of a release
            that was judged healthy already.
    """

    canary: tuple[str, ...]
    stable: tuple[str, ...]
    callers: tuple[str, ...]
    join: str
    echoes: tuple[tuple[str, str], ...] = ()
    past: tuple[str, ...] = ()

    @property
    def before(self) -> tuple[str, ...]:
        """Return the keys of the pods that tell what was before the span: the stable ones first."""
        return (*self.stable, *self.past)


def learn_template(window: ServiceWindow, release: Release) -> TemplateHash:
    """Return the release's template: as the event named it, or as its new pods show it; "" when unknown.

    New pods are those of a template that did not speak before the release. Where several came, the one
    with the release's version that spoke first is meant. A named template that no pod carries yields to
    new pods that name the release's version: the event and the pods call it by different names, and the
    canary must not pass for silent.
    """
    named = release.template
    if named and any(_carries(pod, named) for pod in window.pods.values()):
        return named
    start_ms = to_ms(release.started_at)
    old = set(window.serving_templates(release.started_at))
    fresh = [
        pod
        for pod in window.pods.values()
        if pod.template
        and pod.template not in old
        and (pod.version == release.version or not (pod.version or named))
        and pod.born_ms is not None
        and pod.born_ms >= start_ms
    ]
    first = min(fresh, key=lambda pod: (pod.born_ms or 0, pod.template), default=None)
    return first.template if first is not None else named or NO_TEMPLATE


def _carries(pod: Pod, template: TemplateHash) -> bool:
    """Return whether a pod runs a template, by its own word or by the name that its ReplicaSet gave it."""
    if pod.template:
        return pod.template == template
    named = _POD_OF_REPLICASET.fullmatch(pod.name)
    return named is not None and named.group(1) == template


def sides(window: ServiceWindow, release: Release, template: TemplateHash) -> Sides:
    """Return who runs the release and who does not.

    The exact join is the pod template's hash. Without one, the hash that Kubernetes puts into a pod's
    name, then the version that the pod names; when the version did not change, the pods that were born
    since the release began.
    """
    start_ms = to_ms(release.started_at)
    is_same_version = any(
        pod.version == release.version and pod.first_ms is not None and pod.first_ms < start_ms
        for pod in window.pods.values()
        if not (template and pod.template == template) and not pod.observer
    )
    canary: list[str] = []
    stable: list[str] = []
    joins: dict[str, int] = {}
    for key in sorted(window.pods):
        pod = window.pods[key]
        if pod.observer:
            continue
        is_canary, join = _runs(pod, release, template, is_same_version, start_ms)
        if is_canary:
            canary.append(key)
            joins[join] = joins.get(join, 0) + 1
        elif pod.first_ms is not None:
            stable.append(key)
    join = max(joins, key=lambda name: joins[name], default="template" if template else "version")
    callers = tuple(key for key in sorted(window.pods) if window.pods[key].observer)
    return Sides(canary=tuple(canary), stable=tuple(stable), callers=callers, join=join)


def _runs(
    pod: Pod, release: Release, template: TemplateHash, is_same_version: bool, start_ms: int
) -> tuple[bool, str]:
    if template:
        if pod.template:
            return pod.template == template, "template"
        if _carries(pod, template):
            return True, "replicaset"
    if is_same_version:
        is_new = pod.born_ms is not None and pod.born_ms >= start_ms
        return is_new and pod.version in ("", release.version) and not pod.template, "pod"
    return bool(pod.version) and pod.version == release.version, "version"
