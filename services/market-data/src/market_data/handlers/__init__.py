"""The ways in: queries, the feeds they start, and the history they complete."""
