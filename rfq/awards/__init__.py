"""Awards: the decision for a lot, and the contract it makes."""
