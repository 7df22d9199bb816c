-- convicting_signals: Which signals convict releases, and how often labels say that they were wrong.
-- environment =: only of this one
SELECT signal, CAST(sum(releases) AS BIGINT) AS releases, CAST(sum(convicted) AS BIGINT) AS convicted,
       CAST(sum(convicted_bad) AS BIGINT) AS labelled_bad, CAST(sum(convicted_good) AS BIGINT) AS labelled_not_bad,
       count(DISTINCT service) AS services, max(strongest_log_e) AS strongest_log_e, max(last_at) AS last_at
FROM signals
WHERE $environment IN ('', environment)
GROUP BY signal
ORDER BY convicted DESC, signal;
