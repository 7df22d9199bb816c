"""The explainer: a language model puts a question into words. It decides nothing, and nothing hangs on it."""
