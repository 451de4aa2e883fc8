"""Sealed bids and their receipts."""
