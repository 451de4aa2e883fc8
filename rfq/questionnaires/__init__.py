"""Questionnaires: what bidders answered."""
