-- guardrails: What held or denied decisions, and how often each ended in what was decided.
-- days = 30: how many days back
-- until =: end of those days; now when empty
WITH stopped AS (
    SELECT environment, guard, decision, 'held' AS how, coalesce(ended, 'open') AS ended, happened_at FROM holds
    UNION ALL
    SELECT environment, guard, decision, 'denied', 'denied', happened_at FROM denials
)
SELECT environment, guard, how, count(*) AS times, count(*) FILTER (ended = 'granted') AS granted,
       count(*) FILTER (ended = 'rejected') AS rejected, count(*) FILTER (ended = 'expired') AS expired,
       max(happened_at) AS last_at
FROM stopped
WHERE happened_at > coalesce(CAST(nullif($until, '') AS TIMESTAMPTZ), now()) - INTERVAL 1 DAY * CAST($days AS INTEGER)
  AND happened_at <= coalesce(CAST(nullif($until, '') AS TIMESTAMPTZ), now())
GROUP BY environment, guard, how
ORDER BY times DESC, environment, guard, how;
