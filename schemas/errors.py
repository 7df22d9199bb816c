"""Errors that callers tell apart by what they must do next."""


class SutureError(Exception):
    """Base of every error that this product raises on purpose."""


class SchemaError(SutureError):
    """A message is not what its topic promises: dead-letter it, with this text as the reason."""


class SettingsError(SutureError):
    """A setting or policy file is wrong: say so to the person who wrote it and stop."""
