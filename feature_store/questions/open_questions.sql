-- open_questions: What waits for a human now, oldest first.
-- environment =: only of this one
SELECT happened_at AS asked_at, expires_at, environment, service, guard, reason, hold
FROM holds
WHERE ended IS NULL AND expires_at > now() AND $environment IN ('', environment)
ORDER BY happened_at, hold;
