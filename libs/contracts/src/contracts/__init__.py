"""The language of Hummingbus: every message that crosses a process boundary, and the names it travels by."""
