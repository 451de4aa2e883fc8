"""A supplier's customers: the terms he keeps with each, and the segments he puts them in."""
