-- anomalies: Services unlike their own past while no release of theirs was under watch, one row each.
-- anomaly: id of the anomaly
-- environment: deployment environment
-- service: service
-- happened_at: when it was told
-- since: start of the first interval that is part of it
-- signal: name of the signal
-- edge: caller, when the numbers are of one caller's requests only; empty for all
-- level: newest reading, in the signal's unit
-- expected: what is usual
-- p_value: chance of as bad an interval among all that were seen
-- text: the numbers as a sentence
CREATE VIEW anomalies AS
SELECT id AS anomaly, environment, service, happened_at, started_at AS since, signal, edge,
       CAST(body->>'$.level' AS DOUBLE) AS level, CAST(body->>'$.expected' AS DOUBLE) AS expected,
       CAST(body->>'$.p_value' AS DOUBLE) AS p_value, text
FROM effects
WHERE kind = 'anomaly';
