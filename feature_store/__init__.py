"""Remember: the journal, the views over it and the questions people ask it."""
