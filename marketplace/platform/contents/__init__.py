"""Contents from outside: told what they are, scanned, held within bounds, and given out again."""
