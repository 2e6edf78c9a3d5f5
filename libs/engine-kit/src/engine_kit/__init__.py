"""The Hummingbot engine as a library: loading it, its transport and venue, its public connectors and order books."""
