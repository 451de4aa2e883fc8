"""How long bids bind, and the requests to bind longer."""
