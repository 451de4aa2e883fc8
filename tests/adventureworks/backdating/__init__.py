"""A part of the product for installations that take over history: it may be dated back."""
