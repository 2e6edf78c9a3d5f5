"""The token of the tests' sandbox exchange: here, because `conftest` is a name that every package has."""

ADMIN = "test-admin"
