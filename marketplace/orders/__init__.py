"""Purchase orders of buyers, the supplier orders they split into, confirmation and despatch."""
