from __future__ import annotations

from tests.integration.gitops_site import gitops_cluster
from tests.integration.parts import (
    alertmanager_server,
    argo_rollouts,
    contracts,
    dev_cluster,
    kafka_broker,
    namespace,
    otel_collector,
    prometheus_server,
)

__all__ = [
    "alertmanager_server",
    "argo_rollouts",
    "contracts",
    "dev_cluster",
    "gitops_cluster",
    "kafka_broker",
    "namespace",
    "otel_collector",
    "prometheus_server",
]
