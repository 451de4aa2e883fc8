"""Agreements between a buyer and a supplier, and the prices they fix."""
