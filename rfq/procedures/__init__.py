"""Procedures: what is asked for, who may bid, until when; from the draft to the end."""
