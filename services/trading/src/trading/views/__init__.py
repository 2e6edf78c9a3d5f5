"""The read side: one read model per module, its tables, its projection and its queries."""
