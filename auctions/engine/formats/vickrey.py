"""Vickrey: sealed bids; the lowest wins and gets what the second asked (`outcome` reckons it)."""

from auctions.engine.formats import sealed

check = sealed.check
bounds = sealed.bounds
judge = sealed.judge
started = tick = accepted = sealed.started
