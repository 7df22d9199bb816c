-- blind_watches: Releases of which no data came, or whose instrument was broken, by service.
-- environment =: only of this one
SELECT environment, service, count(*) AS releases, count(*) FILTER (verdict = 'nodata') AS without_data,
       count(*) FILTER (verdict = 'broken') AS broken, max(verdict_at) AS last_at,
       max_by(reason, verdict_at) AS last_reason
FROM releases
WHERE verdict IN ('nodata', 'broken') AND $environment IN ('', environment)
GROUP BY environment, service
ORDER BY releases DESC, environment, service;
