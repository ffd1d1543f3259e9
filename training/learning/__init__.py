"""From photos to weights: batches, steps, epochs, folds and searches."""
