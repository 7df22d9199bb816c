-- explanations: What a language model wrote about questions; one row an explanation. It decides nothing.
-- explanation: id
-- hold: id of the hold, or of the verdict where nothing waited
-- release: release id
-- environment: deployment environment
-- service: service
-- happened_at: when
-- words: its sentences
-- hypothesis: what it took for the likeliest
-- model: as its server names it
CREATE VIEW explanations AS
SELECT id AS explanation, about AS hold, release, environment, service, happened_at, text AS words,
       answer AS hypothesis, answered_by AS model
FROM effects
WHERE kind = 'explained'
QUALIFY row_number() OVER (PARTITION BY id ORDER BY happened_at) = 1;
