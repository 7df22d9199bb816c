-- truths: What labels together say that a release was; one row a release that has any.
-- release: release id
-- environment: deployment environment
-- service: service
-- is_bad: whether it did damage, by most of the trust; null where as much speaks for it as against it
-- chance_bad: chance that it did damage, were the sources independent and good and bad as likely before
-- labels: how many words there are
-- labelled_by: who said what most of the trust goes with
CREATE VIEW truths AS
WITH weighed AS (
    -- Of one source's words on a release the newest counts: who says a thing twice is not two people.
    SELECT *, if(kind = 'bad', 1, -1) * ln(greatest(least(trust, 0.99), 0.01) / (1 - greatest(least(trust, 0.99), 0.01)))
        AS log_odds
    FROM labels
    QUALIFY row_number() OVER (PARTITION BY release, source, labelled_by ORDER BY happened_at DESC, label) = 1
),
added AS (
    SELECT release, sum(log_odds) AS log_odds, count(*) AS labels
    FROM weighed
    GROUP BY release
)
SELECT release, max(environment) AS environment, max(service) AS service,
       CASE WHEN abs(added.log_odds) > 1e-9 THEN added.log_odds > 0 END AS is_bad,
       1 / (1 + exp(-added.log_odds)) AS chance_bad, added.labels,
       coalesce(string_agg(DISTINCT labelled_by, ', ' ORDER BY labelled_by)
           FILTER (weighed.log_odds * added.log_odds > 0), '') AS labelled_by
FROM weighed
JOIN added USING (release)
GROUP BY release, added.log_odds, added.labels;
