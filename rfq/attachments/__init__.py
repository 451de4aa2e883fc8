"""Documents of procedures, and attachments of bids, which are sealed as the bids are."""
