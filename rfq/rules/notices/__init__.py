"""Notices of others as drafts: what of them our procedure has a place for, and what not. Pure."""
