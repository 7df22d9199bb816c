-- verdicts: What the judge held of a release, one row a verdict; a higher ordinal replaces a lower one.
-- verdict: id of the verdict
-- release: release id
-- environment: deployment environment
-- service: service
-- version: service version
-- ordinal: 1 for the release's first verdict
-- verdict_kind: healthy, harmful, inconclusive, nodata or broken
-- happened_at: when
-- is_final: the watch is over
-- confidence: for harmful, 1 - p-value valid at every look; 0 for ways not to know
-- alpha: chance of calling a good release harmful that the confidence is held against
-- first_bad_at: start of the first interval that counts against the release
-- reason: the strongest reason, as a sentence
-- reasons: all reasons, strongest first
-- settings: digest of the settings that judged
CREATE VIEW verdicts AS
SELECT id AS verdict, release, environment, service, version, ordinal, verdict_kind, happened_at, is_final,
       confidence, alpha, first_bad_at, text AS reason,
       CAST(body->'$.verdict.reasons' AS VARCHAR[]) AS reasons, settings
FROM effects
WHERE kind = 'verdict';
