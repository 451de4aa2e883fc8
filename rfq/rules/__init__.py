"""What a procedure allows: pure functions from values and an instant to a decision or an error."""
