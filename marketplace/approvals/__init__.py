"""Requests that wait for people, for any kind of document."""
