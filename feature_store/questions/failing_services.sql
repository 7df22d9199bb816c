-- failing_services: Services by how many of their releases were harmful.
-- least = 1: only those with as many releases
-- environment =: only of this one
SELECT environment, service, count(*) AS releases, count(*) FILTER (verdict = 'harmful') AS harmful,
       count(undone_at) AS rolled_back,
       round(100.0 * count(*) FILTER (verdict = 'harmful') / count(*), 1) AS harmful_percent,
       max(started_at) FILTER (verdict = 'harmful') AS last_harmful_at
FROM releases
WHERE $environment IN ('', environment)
GROUP BY environment, service
HAVING count(*) >= CAST($least AS INTEGER)
ORDER BY harmful DESC, harmful_percent DESC, environment, service;
