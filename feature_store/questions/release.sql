-- release: All that was said of one release, in order.
-- release =: its id, or the beginning of it
SELECT happened_at, kind, coalesce(verdict_kind, playbook, command_kind, recovery_kind, answer, signal, '') AS what,
       coalesce(guard, '') AS guard, text
FROM effects
WHERE $release <> '' AND starts_with(release, $release)
ORDER BY happened_at, log_partition, log_offset;
