"""SQL of the journal's views, one file a view; the comments at the top document its columns."""
