-- dora: DORA's measures of delivery by environment, service, team and week (dora.dev, "DORA's software delivery performance metrics"); one row each in which something was deployed.
-- environment: deployment environment; the definitions speak of production
-- service: service
-- team: who owns the service; empty when nobody said
-- week: the Monday, UTC, with which the week begins
-- deployments: deployment frequency: how many in that week
-- lead_time_s_median: lead time for changes: from the newest commit to the deployment, in seconds
-- lead_time_s_p90: nine of ten took no longer
-- lead_times_known: of how many deployments that is known
-- failed: deployments that were taken back or labelled bad
-- change_failure_ratio: change fail rate: failed, of all
-- recovery_s_median: failed-deployment recovery time, in seconds
-- recovery_s_p90: nine of ten took no longer
-- recoveries_known: of how many failed deployments that is known
CREATE VIEW dora AS
SELECT environment, service, team, week, count(*) AS deployments,
       quantile_cont(lead_time_s, 0.5) AS lead_time_s_median, quantile_cont(lead_time_s, 0.9) AS lead_time_s_p90,
       count(lead_time_s) AS lead_times_known,
       count(*) FILTER (has_failed) AS failed, failed / count(*) AS change_failure_ratio,
       quantile_cont(recovery_s, 0.5) AS recovery_s_median, quantile_cont(recovery_s, 0.9) AS recovery_s_p90,
       count(recovery_s) AS recoveries_known
FROM deployments
GROUP BY environment, service, team, week
ORDER BY week DESC, environment, service, team;
