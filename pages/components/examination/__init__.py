"""One examination: photos in, the network at work, its result, saved or shown again."""
