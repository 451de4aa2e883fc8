"""Quotes: what a supplier offers one buyer, until its end; accepted, it is a contract."""
