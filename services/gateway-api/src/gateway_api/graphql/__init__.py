"""The GraphQL schema: the nouns of REST, read through the same services."""
