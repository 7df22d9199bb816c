-- longest_waits: Questions that people took longest to answer, or let expire.
-- limit = 20: how many
SELECT epoch(ended_at - happened_at) AS seconds_waited, ended, answered_by, environment, service, guard,
       happened_at AS asked_at, reason, hold
FROM holds
WHERE ended_at IS NOT NULL
ORDER BY seconds_waited DESC, hold
LIMIT CAST($limit AS INTEGER);
