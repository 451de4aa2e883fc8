"""Amendments: other terms while bids are received, and later deadlines."""
