"""Sealed offers: requests for quotation and tenders, from publication to award."""
