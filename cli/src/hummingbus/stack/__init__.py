"""The supervisor of the stack: one process that starts, watches and stops all others."""
