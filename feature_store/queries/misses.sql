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
-- chance_bad: chance that it did damage, by its labels
-- labelled_by: who says so
CREATE VIEW misses AS
WITH loudest AS (
    SELECT release, max_by(struct_pack(signal := signal, log_e := log_e, threshold := threshold_log_e),
                           log_e - threshold_log_e) AS found
    FROM evidence
    GROUP BY release
)
SELECT release, releases.environment, releases.service, version, started_at, verdict, reason,
       found.signal AS strongest_signal, found.log_e AS strongest_log_e, found.threshold AS threshold_log_e,
       chance_bad, labelled_by
FROM releases
JOIN truths USING (release)
LEFT JOIN loudest USING (release)
WHERE is_bad AND release NOT IN (SELECT release FROM verdicts WHERE verdict_kind = 'harmful')
ORDER BY started_at DESC, release;
