"""Clarifications: questions of those who may bid, and answers to all of them."""
