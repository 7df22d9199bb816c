-- deployments: Versions that reached an environment, as DORA counts them; one row a release, returns to an earlier version left out.
-- release: release id
-- environment: deployment environment
-- service: service
-- team: who owns the service; empty when nobody said
-- version: service version
-- started_at: when the deploy event says it began
-- week: the Monday, UTC, of the week in which it began
-- committed_at: when the version's newest commit was made; null when unknown
-- lead_time_s: from that commit to started_at, in seconds; null when unknown, or by a clock that was ahead
-- has_failed: it was taken back, or its labels say that it did damage
-- failed_why: taken back, taken back by hand, or labelled bad; empty when it has not failed
-- damaged_at: of one that failed, start of the first bad interval, else its start
-- restored_at: when the service was well again, else when the release was gone; null while neither is known, or it did not recover
-- recovery_s: from damaged_at to restored_at, in seconds
CREATE VIEW deployments AS
WITH opened AS (
    SELECT release, max(environment) AS environment, max(service) AS service, max(version) AS version,
           min(started_at) AS started_at, max(team) AS team, min(committed_at) AS committed_at,
           bool_or(coalesce(CAST(body->>'$.release.is_rollback' AS BOOLEAN), false)) AS is_return
    FROM effects
    WHERE kind = 'release_opened'
    GROUP BY release
),
followed AS (
    -- Whoever tells of a return to an earlier version takes the one back that ran until then.
    SELECT *, lead(is_return) OVER in_order AS is_followed_by_return, lead(started_at) OVER in_order AS next_at
    FROM opened
    WINDOW in_order AS (PARTITION BY environment, service ORDER BY started_at, release)
),
judged AS (
    SELECT followed.*, releases.undone_at, incidents.recovered_at,
           coalesce(incidents.outcome IN ('not_recovered', 'worse'), false) AS is_ill,
           coalesce(incidents.first_bad_at, followed.started_at) AS bad_from,
           CASE WHEN undone_at IS NOT NULL THEN 'taken back'
                WHEN is_followed_by_return THEN 'taken back by hand'
                WHEN release_labels.log_odds > 0 THEN 'labelled bad'
                ELSE '' END AS failed_why
    FROM followed
    LEFT JOIN releases USING (release)
    LEFT JOIN release_labels USING (release)
    LEFT JOIN incidents ON incidents.incident = release AND incident_kind = 'release'
    WHERE NOT is_return
)
SELECT release, environment, service, coalesce(team, '') AS team, version, started_at,
       date_trunc('week', started_at) AS week, committed_at,
       CASE WHEN committed_at <= started_at THEN epoch(started_at - committed_at) END AS lead_time_s,
       failed_why <> '' AS has_failed, failed_why,
       CASE WHEN has_failed THEN bad_from END AS damaged_at,
       CASE WHEN has_failed
            THEN coalesce(recovered_at, if(is_ill, NULL, undone_at), if(is_followed_by_return, next_at, NULL))
            END AS restored_at,
       CASE WHEN restored_at IS NOT NULL THEN greatest(epoch(restored_at - damaged_at), 0) END AS recovery_s
FROM judged
ORDER BY started_at DESC, release;
