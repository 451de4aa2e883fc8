"""Decisions on variants: which of them meet the minimum requirements and are taken into account."""
