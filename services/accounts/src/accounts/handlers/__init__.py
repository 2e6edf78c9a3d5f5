"""The shell of accounts: what comes in, and the way through domain, vault and trading."""
