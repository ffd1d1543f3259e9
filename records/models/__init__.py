"""What the clinic learns from, its training runs, and its models in use."""
