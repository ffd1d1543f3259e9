"""Models: their cards, their figures beside each other, promotion, use."""
