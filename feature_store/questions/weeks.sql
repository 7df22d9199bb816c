-- weeks: Decisions by week: how many, of which kind, and how long after the first damage.
-- environment =: only of this one
-- service =: only of this one
SELECT week, count(*) AS decisions, count(*) FILTER (playbook = 'promote') AS promotions,
       count(*) FILTER (playbook = 'rollback') AS rollbacks, count(*) FILTER (playbook = 'page') AS pages,
       count(*) FILTER (needs_approval) AS needed_approval,
       median(seconds_from_damage) AS median_seconds_from_damage,
       quantile_cont(seconds_from_damage, 0.95) AS p95_seconds_from_damage
FROM decisions
WHERE $environment IN ('', environment) AND $service IN ('', service)
GROUP BY week
ORDER BY week DESC;
