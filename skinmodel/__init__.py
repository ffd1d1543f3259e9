"""The network and its explanation: knows pictures, not people."""
