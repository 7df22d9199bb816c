"""Real parts on one machine: a Kafka broker, a Kubernetes with pods, Argo Rollouts, a collector, Prometheus.

Each part is a module with `fetch()`, `available()` and a context manager `running()`:

    from infra.dev import kafka

    with kafka.running() as broker:
        connect(broker.bootstrap)

From a shell: `python -m infra.dev PART fetch|up|down|status`.
"""
