"""Lots that go into a live auction, and come back with its result."""
