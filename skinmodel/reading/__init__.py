"""Untrusted files to upright pictures, in a process of its own."""
