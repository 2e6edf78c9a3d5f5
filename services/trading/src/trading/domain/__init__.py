"""What trading decides, without doing it: pure functions over orders and sessions."""
