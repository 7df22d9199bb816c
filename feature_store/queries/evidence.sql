-- evidence: What one signal said about one release up to one instant, one row a look.
-- evidence: id of the evidence
-- release: release id
-- environment: deployment environment
-- service: service
-- happened_at: when
-- signal: name of the signal
-- detector: which test weighed it
-- edge: caller, when the numbers are of one caller's requests only; empty for all
-- log_e: natural logarithm of the e-value; 0 says nothing
-- threshold_log_e: log_e that convicts
-- convicts: whether this alone is enough: not where stable pods show the damage, too
-- canary_level: ratio, mean or level of the new version, in the signal's unit
-- control_level: the same of what it was compared with
-- canary_exposure: requests or readings behind canary_level
-- control_exposure: requests or readings behind control_level
-- canary_pods: how many pods of the new version spoke
-- control_pods: how many pods it was compared with
-- margin: largest change that counts as no damage, in the signal's unit
-- comparison: what it was compared with, in words
-- joined_by: how samples were joined to the release
-- text: the numbers as a sentence
CREATE VIEW evidence AS
SELECT id AS evidence, release, environment, service, happened_at, signal, detector, edge, log_e,
       threshold_log_e,
       log_e >= threshold_log_e AND NOT coalesce(CAST(body->>'$.is_shared' AS BOOLEAN), false) AS convicts,
       CAST(body->>'$.canary.level' AS DOUBLE) AS canary_level,
       CAST(body->>'$.control.level' AS DOUBLE) AS control_level,
       CAST(body->>'$.canary.exposure' AS DOUBLE) AS canary_exposure,
       CAST(body->>'$.control.exposure' AS DOUBLE) AS control_exposure,
       CAST(body->>'$.canary.pods' AS BIGINT) AS canary_pods,
       CAST(body->>'$.control.pods' AS BIGINT) AS control_pods,
       CAST(body->>'$.margin' AS DOUBLE) AS margin,
       body->>'$.comparison' AS comparison, body->>'$.join' AS joined_by, text
FROM effects
WHERE kind = 'evidence';
