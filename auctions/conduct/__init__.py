"""Conducting an auction: what people do beside bidding, all of it by the ledger's one path."""
