"""The console's templates and its one style sheet."""
