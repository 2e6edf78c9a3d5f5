"""Makes a new service that passes `make check`."""
