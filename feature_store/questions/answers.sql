-- answers: Who answered questions, how often, and how fast.
SELECT answered_by, count(*) AS answers, count(*) FILTER (answer = 'approve') AS approved,
       count(*) FILTER (answer = 'reject') AS rejected, median(seconds_to_answer) AS median_seconds,
       quantile_cont(seconds_to_answer, 0.9) AS p90_seconds, max(answered_at) AS last_at
FROM holds
WHERE answered_by IS NOT NULL
GROUP BY answered_by
ORDER BY answers DESC, answered_by;
