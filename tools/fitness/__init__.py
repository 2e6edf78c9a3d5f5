"""The rules of the house, each one a function that lists its violations."""
