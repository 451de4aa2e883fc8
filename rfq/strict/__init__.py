"""Strict procedures: bidders seal by programs of their own, and two of three keys open."""
