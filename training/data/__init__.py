"""What there is to learn from: brought in, looked through, split."""
