"""Pages for everybody who is signed in."""
