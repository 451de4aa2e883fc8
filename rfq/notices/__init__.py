"""Notices of others, taken over as drafts: over HTTP and from the command line."""
