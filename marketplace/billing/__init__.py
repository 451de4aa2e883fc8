"""Invoices: totals as EN 16931 counts them, numbers without gaps."""
