"""What every page stands on: the gate, the services, words, small pictures."""
