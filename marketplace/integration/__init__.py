"""What other companies' systems hold on to: the feed of events, and their names for our things."""
