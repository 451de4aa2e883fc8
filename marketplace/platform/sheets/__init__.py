"""Sheets: what a person reads and prints, once as values, shown as a page and as PDF."""
