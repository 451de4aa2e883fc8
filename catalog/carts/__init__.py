"""Carts of a unit, quick order, requisition lists, re-order: all that comes before an order."""
