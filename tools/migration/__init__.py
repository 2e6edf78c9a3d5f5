"""Drafts the next revision of a service's tables."""
