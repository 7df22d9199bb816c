-- wrong_rollbacks: Rollbacks of releases that did no damage, as labels say.
-- days = 90: how many days back
-- until =: end of those days; now when empty
SELECT undone_at, environment, service, version, confidence, alpha, approved_by, says, sources, reason, release
FROM false_rollbacks
WHERE undone_at > coalesce(CAST(nullif($until, '') AS TIMESTAMPTZ), now()) - INTERVAL 1 DAY * CAST($days AS INTEGER)
  AND undone_at <= coalesce(CAST(nullif($until, '') AS TIMESTAMPTZ), now())
ORDER BY undone_at DESC, release;
