-- open_failures: Known failures that last, oldest first.
SELECT since, environment, service, pattern, failing, replicas, text, failure
FROM failures
WHERE cleared_at IS NULL
ORDER BY since, failure;
