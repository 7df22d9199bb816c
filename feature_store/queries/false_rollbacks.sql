-- false_rollbacks: Releases that were taken back although their labels say that they did no damage; one row a release.
-- release: release id
-- environment: deployment environment
-- service: service
-- version: service version
-- undone_at: when it was taken back
-- confidence: of the verdict behind it
-- alpha: chance of calling a good release harmful that was promised
-- approved_by: who agreed to it; empty when nobody had to
-- reason: why it was judged harmful
-- says: what voices say of it, in words
-- sources: where their words come from
CREATE VIEW false_rollbacks AS
SELECT release, releases.environment, releases.service, version, undone_at, accused.confidence, alpha,
       coalesce(approved_by, '') AS approved_by, accused.reason, says, sources
FROM releases
JOIN release_labels USING (release)
LEFT JOIN (
    SELECT release, max_by(confidence, ordinal) AS confidence, max_by(alpha, ordinal) AS alpha,
           max_by(reason, ordinal) AS reason
    FROM verdicts
    WHERE verdict_kind = 'harmful'
    GROUP BY release
) AS accused USING (release)
WHERE undone_at IS NOT NULL AND log_odds < 0
ORDER BY undone_at DESC, release;
