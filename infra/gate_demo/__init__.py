"""The pre-deploy gate over three versions of a small project: one passes, one warns, one fails."""
