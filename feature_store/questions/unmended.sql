-- unmended: Actions that did not help, newest first.
-- limit = 20: how many
SELECT happened_at, environment, service, command_kind, recovery_kind, first_bad_at, acted_at, text, release
FROM recoveries
WHERE recovery_kind IN ('not_recovered', 'worse')
ORDER BY happened_at DESC, recovery
LIMIT CAST($limit AS INTEGER);
