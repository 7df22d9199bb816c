-- failed_actions: Orders that failed or were refused, and what stood in the way.
-- limit = 20: how many, newest first
SELECT happened_at, environment, service, command_kind, outcome_kind, detail, owner, seconds, release
FROM outcomes
WHERE outcome_kind IN ('failed', 'refused')
ORDER BY happened_at DESC, outcome
LIMIT CAST($limit AS INTEGER);
