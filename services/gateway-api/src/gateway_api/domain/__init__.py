"""Pure decisions of the gateway: times and problem bodies."""
