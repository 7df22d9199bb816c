-- calibration: What was promised against what happened; one row a bin.
-- promise: harmful, by a harmful verdict's confidence; false_rollback, by alpha: how often releases that did no damage are judged harmful; or gate, by the chance of being taken back that the gate before the deploy gave
-- witness: anybody, all releases that happened is known of; or others, those of which somebody else than Suture itself says something
-- bin_from: smallest confidence, alpha or chance of the bin
-- bin_to: largest; the next bin begins behind it
-- releases: how many fall in it
-- promised: mean of what was said: of harmful the confidence, of gate the chance, of false_rollback alpha, an upper bound
-- happened: share of them that did damage by their labels; of false_rollback, that were judged harmful; of gate, that were taken back or labelled bad
-- happened_low: lower end of the 95 % interval of that share
-- happened_high: upper end (E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927)
CREATE VIEW calibration AS
WITH bins (promise, bin_from, bin_to) AS (
    -- A confidence is read in nines: 0.99 and 0.999 are not the same promise.
    VALUES ('harmful', 0.0::DOUBLE, 0.9::DOUBLE), ('harmful', 0.9, 0.99), ('harmful', 0.99, 0.999),
           ('harmful', 0.999, 0.9999), ('harmful', 0.9999, 1.0),
           ('gate', 0.0, 0.02), ('gate', 0.02, 0.05), ('gate', 0.05, 0.1), ('gate', 0.1, 0.2), ('gate', 0.2, 0.4),
           ('gate', 0.4, 1.0)
),
told AS (
    SELECT release, bool_or(verdict_kind = 'harmful') AS was_convicted, max(alpha) AS alpha,
           max_by(confidence, ordinal) FILTER (verdict_kind = 'harmful') AS confidence
    FROM verdicts
    GROUP BY release
),
labelled AS (
    SELECT release, log_odds > 0 AS is_bad, is_independent
    FROM release_labels
    WHERE log_odds <> 0
),
assessed AS (
    SELECT environment, service, version, happened_at AS assessed_at,
           CAST(body->>'$.failure_chance' AS DOUBLE) AS failure_chance
    FROM effects
    WHERE kind = 'build_assessed'
),
gated AS (
    -- What the gate said last before the deployment, and only of deployments of which nothing more is to come.
    SELECT deployments.release, failure_chance, has_failed, coalesce(is_independent, false) AS is_independent
    FROM deployments
    JOIN assessed USING (environment, service, version)
    JOIN releases USING (release)
    LEFT JOIN labelled USING (release)
    WHERE assessed_at <= deployments.started_at
      AND (has_failed OR state NOT IN ('watching', 'held', 'rolling_back', 'promoting'))
    QUALIFY row_number() OVER (PARTITION BY deployments.release ORDER BY assessed_at DESC) = 1
),
cases AS (
    SELECT 'harmful' AS promise, confidence AS said, is_bad AS came, is_independent
    FROM told
    JOIN labelled USING (release)
    WHERE was_convicted
    UNION ALL
    SELECT 'false_rollback', alpha, was_convicted, is_independent
    FROM told
    JOIN labelled USING (release)
    WHERE NOT is_bad
    UNION ALL
    SELECT 'gate', failure_chance, has_failed, is_independent
    FROM gated
),
counted AS (
    SELECT cases.promise, witness, coalesce(bin_from, said) AS bin_from, coalesce(bin_to, said) AS bin_to,
           count(*) AS releases, avg(said) AS promised, avg(came::INT) AS happened,
           -- Of a standard normal, 95 % lie within.
           1.959963984540054 AS z
    FROM cases
    CROSS JOIN (VALUES ('anybody'), ('others')) AS witnesses (witness)
    LEFT JOIN bins ON bins.promise = cases.promise AND (said > bin_from OR bin_from = 0) AND said <= bin_to
    WHERE witness = 'anybody' OR is_independent
    GROUP BY ALL
),
placed AS (
    SELECT *, (happened + z * z / (2 * releases)) / (1 + z * z / releases) AS middle,
           z * sqrt(happened * (1 - happened) / releases + z * z / (4 * releases * releases))
               / (1 + z * z / releases) AS reach
    FROM counted
)
SELECT promise, witness, bin_from, bin_to, releases, promised, happened,
       greatest(middle - reach, 0) AS happened_low, least(middle + reach, 1) AS happened_high
FROM placed
ORDER BY promise, witness, bin_from;
