"""The REST API: one file per family of the contract, and the few parts they share."""
