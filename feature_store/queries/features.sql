-- features: What was known of each release before it began, one row a release: nothing that happened later has a say, and what nobody knew is null.
-- release: release id
-- environment: deployment environment
-- service: service
-- version: service version
-- started_at: when the deploy event says it began
-- author: who wrote the change, as the pipeline told the gate before the deploy; null when it did not
-- service_releases: releases of the service in the environment so far
-- service_rate: share of them that had been taken back by then, as if one of ten more had been
-- service_taken_back_lately: releases of the service taken back in the four weeks before
-- hours_since_last: since the service's last release; null for the first
-- is_first: 1 for the first release of the service in the environment that the journal knows, else 0
-- is_rollback: 1 where the deploy event says that it takes a version back, else 0
-- author_releases: releases of the same author so far, of any service
-- author_rate: as service_rate, of the author's
-- environment_releases_today: other releases in the environment in the 24 hours before
-- failures_lately: failures of the service's pods or levels that began in the seven days before
-- incidents_lately: alerts and incidents that were laid to the service's releases in the seven days before
-- last_healthy_log_e: of the service's last release with a final healthy verdict, the strongest evidence against it until then
-- hour: hour of the day, 0 to 23, UTC
-- weekday: 1 for Monday to 7 for Sunday, UTC
-- hours_since_commit: from the version's newest commit to the start; null when unknown
-- change_lines: added and removed lines, as the gate was told
-- change_files: changed files
-- change_dependency_files: of them, those in which dependencies are written
-- tests_run: tests of the build that ran
-- tests_failed: of them, those that failed
-- tests_failed_weighed: how many of these are real, as the gate expects
-- tests_flaky: tests that failed and passed on this code
-- coverage_ratio: share of lines that ran, 0 to 1
-- coverage_changed_ratio: the same of the changed lines
-- findings: findings of scanners
-- findings_new: of them, those that the last good build did not have
-- findings_critical: of them, critical ones
-- load_error_ratio: share of the load test's requests that failed
-- load_p95_ms: 95th percentile of their duration in milliseconds
-- cost_monthly_delta: how much more the infrastructure will cost a month, in the report's currency
CREATE MACRO release_features(of_environment, of_service, of_version, of_author, at_instant) AS TABLE
WITH opened AS (
    SELECT release, max(environment) AS environment, max(service) AS service, max(version) AS version,
           min(started_at) AS started_at, min(committed_at) AS committed_at,
           bool_or(coalesce(CAST(body->>'$.release.is_rollback' AS BOOLEAN), false)) AS is_rollback
    FROM effects
    WHERE kind = 'release_opened'
    GROUP BY release
    UNION ALL
    -- One that has not begun yet, for the gate before it.
    SELECT '', CAST(of_environment AS VARCHAR), CAST(of_service AS VARCHAR), CAST(of_version AS VARCHAR),
           CAST(at_instant AS TIMESTAMPTZ), NULL, false
    WHERE at_instant IS NOT NULL
),
built AS (
    SELECT opened.*,
           CASE WHEN opened.release = '' THEN nullif(CAST(of_author AS VARCHAR), '')
                ELSE nullif(builds.author, '') END AS author,
           builds.indicators
    FROM opened
    ASOF LEFT JOIN builds
        ON opened.environment = builds.environment AND opened.service = builds.service
        AND opened.version = builds.version AND opened.started_at > builds.happened_at
),
taken_back AS (
    SELECT release, min(happened_at) AS undone_at
    FROM effects
    WHERE kind = 'outcome' AND command_kind IN ('undo', 'abort') AND outcome_kind IN ('done', 'already_done')
    GROUP BY release
),
facts AS (
    SELECT environment, service, started_at AS told_at, 'release' AS fact FROM opened WHERE release <> ''
    UNION ALL
    SELECT environment, service, undone_at, 'taken_back' FROM opened JOIN taken_back USING (release)
    UNION ALL
    SELECT environment, service, min(happened_at), 'failure'
    FROM effects
    WHERE kind = 'failure_seen'
    GROUP BY environment, service, about
    UNION ALL
    SELECT environment, service, min(happened_at), 'incident'
    FROM effects
    WHERE kind = 'labelled' AND channel IN ('incident', 'alert')
    GROUP BY environment, service, about, id
),
of_services AS (
    SELECT DISTINCT environment, service, told_at,
           count(*) FILTER (fact = 'release') OVER so_far AS releases,
           count(*) FILTER (fact = 'taken_back') OVER so_far AS taken_back,
           count(*) FILTER (fact = 'failure') OVER so_far AS failures,
           count(*) FILTER (fact = 'incident') OVER so_far AS incidents,
           max(told_at) FILTER (fact = 'release') OVER so_far AS last_at
    FROM facts
    WINDOW so_far AS (PARTITION BY environment, service ORDER BY told_at
                      RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
of_environments AS (
    SELECT DISTINCT environment, told_at, count(*) OVER so_far AS releases
    FROM facts
    WHERE fact = 'release'
    WINDOW so_far AS (PARTITION BY environment ORDER BY told_at
                      RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
of_authors AS (
    SELECT DISTINCT author, told_at,
           count(*) FILTER (is_start) OVER so_far AS releases,
           count(*) FILTER (NOT is_start) OVER so_far AS taken_back
    FROM (
        SELECT author, started_at AS told_at, true AS is_start FROM built WHERE release <> ''
        UNION ALL
        SELECT author, undone_at, false FROM built JOIN taken_back USING (release)
    )
    WHERE author IS NOT NULL
    WINDOW so_far AS (PARTITION BY author ORDER BY told_at
                      RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
ended AS (
    SELECT release, min(happened_at) AS told_at
    FROM effects
    WHERE kind = 'verdict' AND verdict_kind = 'healthy' AND is_final
    GROUP BY release
),
healthy AS (
    SELECT opened.environment, opened.service, ended.told_at, max(effects.log_e) AS log_e
    FROM ended
    JOIN opened USING (release)
    JOIN effects ON effects.release = ended.release AND effects.kind = 'evidence'
        AND effects.happened_at <= ended.told_at
    GROUP BY ALL
)
SELECT
    built.release, built.environment, built.service, built.version, built.started_at, built.author,
    coalesce(now.releases, 0) AS service_releases,
    (1.0 + coalesce(now.taken_back, 0)) / (10.0 + coalesce(now.releases, 0)) AS service_rate,
    coalesce(now.taken_back, 0) - coalesce(month.taken_back, 0) AS service_taken_back_lately,
    epoch(built.started_at - now.last_at) / 3600.0 AS hours_since_last,
    CAST(now.last_at IS NULL AS INTEGER) AS is_first,
    CAST(built.is_rollback AS INTEGER) AS is_rollback,
    CASE WHEN built.author IS NOT NULL THEN coalesce(written.releases, 0) END AS author_releases,
    CASE WHEN built.author IS NOT NULL
         THEN (1.0 + coalesce(written.taken_back, 0)) / (10.0 + coalesce(written.releases, 0)) END AS author_rate,
    coalesce(around.releases, 0) - coalesce(yesterday.releases, 0) AS environment_releases_today,
    coalesce(now.failures, 0) - coalesce(week.failures, 0) AS failures_lately,
    coalesce(now.incidents, 0) - coalesce(week.incidents, 0) AS incidents_lately,
    healthy.log_e AS last_healthy_log_e,
    hour(built.started_at) AS hour,
    isodow(built.started_at) AS weekday,
    epoch(built.started_at - built.committed_at) / 3600.0 AS hours_since_commit,
    indicators['change_lines'] AS change_lines,
    indicators['change_files'] AS change_files,
    indicators['change_dependency_files'] AS change_dependency_files,
    indicators['tests_run'] AS tests_run,
    indicators['tests_failed'] AS tests_failed,
    indicators['tests_failed_weighed'] AS tests_failed_weighed,
    indicators['tests_flaky'] AS tests_flaky,
    indicators['coverage_ratio'] AS coverage_ratio,
    indicators['coverage_changed_ratio'] AS coverage_changed_ratio,
    indicators['findings'] AS findings,
    indicators['findings_new'] AS findings_new,
    indicators['findings_critical'] AS findings_critical,
    indicators['load_error_ratio'] AS load_error_ratio,
    indicators['load_p95_ms'] AS load_p95_ms,
    indicators['cost_monthly_delta'] AS cost_monthly_delta
FROM built
ASOF LEFT JOIN of_services AS now
    ON built.environment = now.environment AND built.service = now.service
    AND built.started_at > now.told_at
ASOF LEFT JOIN of_services AS week
    ON built.environment = week.environment AND built.service = week.service
    AND built.started_at - INTERVAL 7 DAY > week.told_at
ASOF LEFT JOIN of_services AS month
    ON built.environment = month.environment AND built.service = month.service
    AND built.started_at - INTERVAL 28 DAY > month.told_at
ASOF LEFT JOIN of_environments AS around
    ON built.environment = around.environment AND built.started_at > around.told_at
ASOF LEFT JOIN of_environments AS yesterday
    ON built.environment = yesterday.environment AND built.started_at - INTERVAL 1 DAY > yesterday.told_at
ASOF LEFT JOIN of_authors AS written
    ON built.author = written.author AND built.started_at > written.told_at
ASOF LEFT JOIN healthy
    ON built.environment = healthy.environment AND built.service = healthy.service
    AND built.started_at > healthy.told_at;

CREATE VIEW features AS
FROM release_features(NULL, NULL, NULL, NULL, NULL)
ORDER BY started_at, release;
