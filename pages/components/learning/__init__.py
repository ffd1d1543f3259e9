"""Data sets and training runs."""
