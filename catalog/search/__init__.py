"""What buyers see: the catalog with their own prices in it."""
