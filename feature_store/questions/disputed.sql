-- disputed: Releases on which those who labelled them do not agree.
SELECT labelled_at, environment, service, verdict, bad, good, harmless, round(p_bad, 3) AS p_bad, says, release
FROM release_labels
WHERE is_disputed
ORDER BY labelled_at DESC, release;
