-- slowest_rollbacks: Rollbacks that took longest from the first damage on, and where the time went.
-- limit = 20: how many
SELECT round(seconds_from_damage_to_undo, 1) AS seconds, environment, service, version,
       epoch(verdict_at - first_bad_at) AS to_verdict, epoch(decided_at - verdict_at) AS to_decision,
       epoch(action_at - decided_at) AS to_order, epoch(undone_at - action_at) AS to_undo, approved_by, release
FROM releases
WHERE undone_at IS NOT NULL AND first_bad_at IS NOT NULL
ORDER BY seconds_from_damage_to_undo DESC, release
LIMIT CAST($limit AS INTEGER);
