"""Assortments: restricted offers, and the customers they are shown to."""
