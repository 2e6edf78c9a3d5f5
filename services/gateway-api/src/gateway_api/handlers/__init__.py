"""The ways through the gateway: who is calling, and requests to the owning services."""
