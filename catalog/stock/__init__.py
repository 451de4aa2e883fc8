"""Stock: what a supplier has where, what of it orders have reserved, and what buyers are shown."""
