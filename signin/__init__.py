"""The way in: sign-in pages, and the gate that nobody passes without a session."""
