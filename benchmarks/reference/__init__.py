"""What auctions are measured against: one transaction per bid under a row lock."""
