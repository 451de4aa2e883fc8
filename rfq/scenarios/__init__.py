"""Award scenarios: the best award of many lots under a buyer's constraints."""
