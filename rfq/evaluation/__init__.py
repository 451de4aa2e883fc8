"""Opened bids, compared: what each offers, and the ranking a lot is awarded from."""
