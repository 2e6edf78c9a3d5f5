"""Revisions of the log's own tables, applied in every service's schema."""
