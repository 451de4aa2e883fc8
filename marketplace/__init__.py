"""Who trades, what they agreed and owe, and how it runs."""
