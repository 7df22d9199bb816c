"""The programs of a Kubernetes and its etcd, built from published modules."""

from __future__ import annotations

from pathlib import Path

from infra.dev import cache, golang

__all__ = ["fetch", "is_fetched"]

# 1.34 is the last line whose kubelet takes cgroup v1 without a switch. Of its releases, 1.34.4 is the
# latest for which Go's checksum database has all of the staging modules.
VERSION = "1.34.4"
SOURCE = Path(__file__).parent / "kubernetes"
PACKAGES = (
    "k8s.io/kubernetes/cmd/kube-apiserver",
    "k8s.io/kubernetes/cmd/kube-controller-manager",
    "k8s.io/kubernetes/cmd/kube-scheduler",
    "k8s.io/kubernetes/cmd/kubelet",
    # Its program comes out as `server`.
    "go.etcd.io/etcd/server/v3",
)
_NUMBERS = "k8s.io/component-base/version"
# Clients and charts ask for the version; the project's own build sets it in this way, too.
VARIABLES = {
    f"{_NUMBERS}.gitVersion": f"v{VERSION}",
    f"{_NUMBERS}.gitMajor": "1",
    f"{_NUMBERS}.gitMinor": "34",
}


def is_fetched() -> bool:
    """Tell whether the long part of `fetch` is done."""
    return cache.entry_of("kubernetes", VERSION, [SOURCE]).is_dir()


def fetch() -> Path:
    """Return the folder of the programs, built if need be (some six minutes on two cores).

    Raises:
        PartUnavailableError: There is no Go, or the build failed.
    """
    # The packages are imported by a file of SOURCE, and the variables follow from the version.
    return cache.cached(
        "kubernetes",
        VERSION,
        [SOURCE],
        lambda folder: golang.build(SOURCE, PACKAGES, folder, variables=VARIABLES),
    )
