-- release_labels: What releases were said to be, and whether those who said so agree; one row a release that was labelled.
-- release: release id
-- environment: deployment environment
-- service: service
-- verdict: newest verdict; null when none is on record
-- bad: voices that call it bad; people count one each, by the newest of their words, and so does each other source
-- good: voices that call it good
-- harmless: voices that call what was found harmless
-- words: labels, with repeats and words that their speaker has taken back
-- sources: where they come from, in the order of the alphabet
-- is_disputed: some call it bad, and some do not
-- p_bad: probability that it was bad, by its verdict and each voice's trust as given; what agreement makes of the sources is in `suture labels report`
-- log_odds: the voices alone, whatever was judged: natural logarithm of the odds that it was bad; above 0 for rather bad, 0 where they weigh the same
-- is_independent: somebody else than Suture itself, which labels what it sees become of a release, is among them
-- says: the voices, as words
-- labelled_since: when the first word came
-- labelled_at: when the newest came
CREATE VIEW release_labels AS
WITH said AS (
    SELECT *,
           CASE WHEN source = 'rejection' THEN 'approval' ELSE source END AS family,
           CASE WHEN source IN ('human', 'approval', 'rejection') THEN labelled_by ELSE '' END AS speaker,
           count(*) OVER (PARTITION BY release) AS words,
           min(happened_at) OVER (PARTITION BY release) AS labelled_since,
           max(happened_at) OVER (PARTITION BY release) AS labelled_at
    FROM labels
),
voices AS (
    -- Of alarms the strongest counts; of answers the newest.
    SELECT *, ln(least(greatest(trust, 0.5), 0.99) / (1 - least(greatest(trust, 0.5), 0.99))) AS nats
    FROM said
    QUALIFY row_number() OVER (
        PARTITION BY release, family, speaker
        ORDER BY CASE WHEN source IN ('revert', 'incident', 'alert') THEN trust END DESC NULLS LAST,
                 happened_at DESC, label
    ) = 1
),
judged AS (
    SELECT release, max_by(verdict_kind, ordinal) AS verdict
    FROM verdicts
    GROUP BY release
),
told AS (
    SELECT release, max(environment) AS environment, max(service) AS service, max(verdict) AS verdict,
           count(*) FILTER (kind = 'bad') AS bad,
           count(*) FILTER (kind = 'good') AS good,
           count(*) FILTER (kind = 'harmless') AS harmless,
           max(words) AS words,
           string_agg(DISTINCT source, ', ' ORDER BY source) AS sources,
           sum(CASE WHEN kind = 'bad' THEN nats ELSE -nats END) AS nats,
           bool_or(source NOT IN ('outcome', 'aftercare')) AS is_independent,
           min(labelled_since) AS labelled_since, max(labelled_at) AS labelled_at
    FROM voices
    LEFT JOIN judged USING (release)
    GROUP BY release
)
SELECT release, environment, service, verdict, bad, good, harmless, words, sources,
       bad > 0 AND good + harmless > 0 AS is_disputed,
       1 / (1 + exp(-nats - ln(CASE verdict WHEN 'harmful' THEN 0.85 / 0.15
                                            WHEN 'healthy' THEN 0.05 / 0.95
                                            ELSE 0.15 / 0.85 END))) AS p_bad,
       if(abs(nats) < 1e-9, 0, nats) AS log_odds, is_independent,
       concat_ws(', ',
                 CASE WHEN bad > 0 THEN 'bad ' || bad END,
                 CASE WHEN good > 0 THEN 'good ' || good END,
                 CASE WHEN harmless > 0 THEN 'harmless ' || harmless END) AS says,
       labelled_since, labelled_at
FROM told;
