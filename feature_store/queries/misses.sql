-- misses: Releases that did damage by their labels and were never judged harmful; one row a release.
-- release: release id
-- environment: deployment environment
-- service: service
-- version: service version
-- started_at: when the deploy event says it began
-- verdict: latest verdict: healthy, inconclusive, nodata or broken; null without one
-- reason: its strongest reason
-- strongest_signal: signal that spoke loudest against it; null without evidence
-- strongest_log_e: how loud: natural logarithm of the e-value
-- threshold_log_e: log_e that would have convicted
-- says: what voices say of it, in words
-- sources: where their words come from
CREATE VIEW misses AS
WITH loudest AS (
    SELECT release, max_by(struct_pack(signal := signal, log_e := log_e, threshold := threshold_log_e),
                           log_e - threshold_log_e) AS found
    FROM evidence
    GROUP BY release
)
SELECT release, releases.environment, releases.service, version, started_at, releases.verdict, reason,
       found.signal AS strongest_signal, found.log_e AS strongest_log_e, found.threshold AS threshold_log_e,
       says, sources
FROM releases
JOIN release_labels USING (release)
LEFT JOIN loudest USING (release)
WHERE log_odds > 0 AND release NOT IN (SELECT release FROM verdicts WHERE verdict_kind = 'harmful')
ORDER BY started_at DESC, release;
