"""The ways in: commands, queries, reactions and the reconciliation of sessions."""
