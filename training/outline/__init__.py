"""Trains and measures the network that finds a lesion's outline."""
