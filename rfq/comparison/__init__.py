"""The buyer's comparison: every lot with every offer, against the best and the estimate."""
