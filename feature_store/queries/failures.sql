-- failures: Known ways in which services failed, one row a failure, with the latest that was said of it.
-- failure: id of the failure; the same for as long as it lasts
-- environment: deployment environment
-- service: service
-- pattern: crash_loop, oom_killed, image_pull, not_ready, migration_failed, saturation, cache_full, alert
-- since: when the first of its pods began to fail
-- seen_at: when it was told first
-- happened_at: when it was told last
-- cleared_at: when it was over; null while it lasts
-- failing: how many pods failed when it was told last
-- most_failing: how many failed at the worst
-- replicas: how many pods the workload asked for; 0 when it has none
-- cluster: cluster of the target
-- namespace: its namespace
-- workload: the workload that failed; of a migration, its CronJob
-- workload_kind: deployment, statefulset, daemonset, rollout, cronjob or processes
-- template: template of the failing pods; empty when they have several or none
-- version: their version; empty when unknown
-- text: what was seen, as a sentence
-- seconds: how long it lasted; null while it lasts
CREATE VIEW failures AS
WITH said AS (
    -- A service that found it by its levels and its environment both say it: by id they are one.
    SELECT *, struct_pack(happened_at := happened_at, log_offset := log_offset) AS place
    FROM effects
    WHERE kind IN ('failure_seen', 'failure_cleared')
),
seen AS (
    SELECT about AS failure, max(environment) AS environment, max(service) AS service,
           min(started_at) AS since, min(happened_at) AS seen_at, max(happened_at) AS happened_at,
           max(CAST(body->>'$.failure.failing' AS BIGINT)) AS most_failing,
           max_by(struct_pack(body := body, version := version, template := template, text := text), place)
               AS latest
    FROM said
    WHERE kind = 'failure_seen'
    GROUP BY about
),
cleared AS (
    SELECT about AS failure, max(happened_at) AS cleared_at
    FROM said
    WHERE kind = 'failure_cleared'
    GROUP BY about
)
SELECT failure, environment, service, latest.body->>'$.failure.pattern' AS pattern, since, seen_at, happened_at,
       -- One that is told of again after it was over is not over.
       CASE WHEN cleared_at >= happened_at THEN cleared_at END AS cleared_at,
       CAST(latest.body->>'$.failure.failing' AS BIGINT) AS failing, most_failing,
       CAST(latest.body->>'$.failure.replicas' AS BIGINT) AS replicas,
       latest.body->>'$.failure.target.cluster' AS cluster,
       latest.body->>'$.failure.target.namespace' AS namespace,
       latest.body->>'$.failure.target.workload' AS workload,
       latest.body->>'$.failure.target.kind' AS workload_kind,
       latest.template AS template, latest.version AS version, latest.text AS text,
       CASE WHEN cleared_at >= happened_at THEN epoch(cleared_at - since) END AS seconds
FROM seen
LEFT JOIN cleared USING (failure);
