"""What is sold, and each supplier's offer of it."""
