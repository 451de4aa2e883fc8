"""Closing and opening: all bids at the deadline or none, and the proof of it."""
