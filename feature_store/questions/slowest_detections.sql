-- slowest_detections: Harmful releases that took longest from the first damage to the verdict.
-- limit = 20: how many
SELECT epoch(min(happened_at) - min(first_bad_at)) AS seconds_to_detect, environment, service,
       min(first_bad_at) AS first_bad_at, min(happened_at) AS detected_at,
       min_by(reason, ordinal) AS reason, release
FROM verdicts
WHERE verdict_kind = 'harmful'
GROUP BY release, environment, service
ORDER BY seconds_to_detect DESC NULLS LAST, release
LIMIT CAST($limit AS INTEGER);
