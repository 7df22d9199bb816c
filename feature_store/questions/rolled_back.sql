-- rolled_back: What was rolled back lately, and why.
-- days = 7: how many days back
-- until =: end of those days, such as 2026-11-23; now when empty
-- environment =: only of this one
SELECT undone_at, environment, service, version, confidence, approved_by, seconds_from_damage_to_undo,
       recovery, reason, release
FROM releases
WHERE undone_at > coalesce(CAST(nullif($until, '') AS TIMESTAMPTZ), now()) - INTERVAL 1 DAY * CAST($days AS INTEGER)
  AND undone_at <= coalesce(CAST(nullif($until, '') AS TIMESTAMPTZ), now())
  AND $environment IN ('', environment)
ORDER BY undone_at DESC, release;
