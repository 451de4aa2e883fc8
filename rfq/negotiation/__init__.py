"""Negotiation of offers, between the buyer and one bidder."""
