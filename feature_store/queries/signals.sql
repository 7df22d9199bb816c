-- signals: What each signal of a service has said of releases, one row a signal.
-- environment: deployment environment
-- service: service
-- signal: name of the signal
-- looks: how often it was weighed
-- releases: how many releases it was weighed for
-- convicting_looks: how often it alone was enough
-- convicted: how many releases it alone was enough against
-- convicted_bad: how many of those are labelled bad; of several labels the one most trusted counts
-- convicted_good: how many are labelled good or harmless, so that it was wrong or too strict
-- strongest_log_e: natural logarithm of its largest e-value
-- strongest_release: the release that this was said of
-- canary_level: median level of the new versions, in the signal's unit
-- control_level: median level of what they were compared with
-- first_at: when it was weighed first
-- last_at: when it was weighed last
CREATE VIEW signals AS
WITH told AS (
    SELECT release, max_by(kind, struct_pack(trust := trust, happened_at := happened_at, label := label)) AS kind
    FROM labels
    GROUP BY release
),
weighed AS (
    SELECT environment, service, signal, release, count(*) AS looks,
           count(*) FILTER (convicts) AS convicting_looks, max(log_e) AS strongest_log_e,
           max_by(canary_level, happened_at) AS canary_level,
           max_by(control_level, happened_at) AS control_level,
           min(happened_at) AS first_at, max(happened_at) AS last_at
    FROM evidence
    GROUP BY ALL
)
SELECT environment, service, signal, CAST(sum(looks) AS BIGINT) AS looks, count(*) AS releases,
       CAST(sum(convicting_looks) AS BIGINT) AS convicting_looks,
       count(*) FILTER (convicting_looks > 0) AS convicted,
       count(*) FILTER (convicting_looks > 0 AND told.kind = 'bad') AS convicted_bad,
       count(*) FILTER (convicting_looks > 0 AND told.kind IN ('good', 'harmless')) AS convicted_good,
       max(strongest_log_e) AS strongest_log_e, max_by(release, strongest_log_e) AS strongest_release,
       median(canary_level) AS canary_level, median(control_level) AS control_level,
       min(first_at) AS first_at, max(last_at) AS last_at
FROM weighed
LEFT JOIN told USING (release)
GROUP BY environment, service, signal
ORDER BY environment, service, signal;
