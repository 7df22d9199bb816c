-- calibration: What verdicts promised against what labels say happened; one row a bin.
-- promise: harmful, bins of a harmful verdict's confidence; or false_rollback, by alpha: how often releases that did no damage are judged harmful
-- bin_from: smallest confidence or alpha of the bin
-- bin_to: largest; the next bin begins behind it
-- releases: how many labelled releases fall in it
-- promised: mean of what was said: of harmful the confidence, of false_rollback alpha, which is an upper bound
-- happened: share of them that did damage; of false_rollback, that were judged harmful
-- happened_low: lower end of the 95 % interval of that share
-- happened_high: upper end (E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927)
CREATE VIEW calibration AS
WITH told AS (
    SELECT release, bool_or(verdict_kind = 'harmful') AS was_convicted, max(alpha) AS alpha,
           max_by(confidence, ordinal) FILTER (verdict_kind = 'harmful') AS confidence
    FROM verdicts
    GROUP BY release
),
cases AS (
    SELECT 'harmful' AS promise, confidence AS said, is_bad AS came,
           -- A confidence is read in nines: 0.99 and 0.999 are not the same promise.
           list_extract([0.0, 0.9, 0.99, 0.999, 0.9999],
                        1 + (confidence > 0.9)::INT + (confidence > 0.99)::INT + (confidence > 0.999)::INT
                          + (confidence > 0.9999)::INT) AS bin_from,
           list_extract([0.9, 0.99, 0.999, 0.9999, 1.0],
                        1 + (confidence > 0.9)::INT + (confidence > 0.99)::INT + (confidence > 0.999)::INT
                          + (confidence > 0.9999)::INT) AS bin_to
    FROM told
    JOIN truths USING (release)
    WHERE was_convicted AND is_bad IS NOT NULL
    UNION ALL
    SELECT 'false_rollback', alpha, was_convicted, alpha, alpha
    FROM told
    JOIN truths USING (release)
    WHERE NOT is_bad
),
counted AS (
    SELECT promise, CAST(bin_from AS DOUBLE) AS bin_from, CAST(bin_to AS DOUBLE) AS bin_to, count(*) AS releases,
           avg(said) AS promised, avg(came::INT) AS happened, 1.959963984540054 AS z
    FROM cases
    GROUP BY ALL
)
SELECT promise, bin_from, bin_to, releases, promised, happened,
       greatest((happened + z * z / (2 * releases)
                 - z * sqrt(happened * (1 - happened) / releases + z * z / (4 * releases * releases)))
                / (1 + z * z / releases), 0) AS happened_low,
       least((happened + z * z / (2 * releases)
              + z * sqrt(happened * (1 - happened) / releases + z * z / (4 * releases * releases)))
             / (1 + z * z / releases), 1) AS happened_high
FROM counted
ORDER BY promise, bin_from;
