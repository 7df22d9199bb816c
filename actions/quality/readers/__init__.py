"""Readers of reports, one file a format: foreign bytes in, a value or SchemaError out."""
