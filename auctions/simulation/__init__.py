"""Whole auctions made up from a seed, and what must hold in every one of them.

A seed gives terms, bidders and a course of events: bids that fit and bids that do not, at the same
instant and in the last microsecond, sent twice, lost before or after the commit; workers that
restart or lag behind; a clock that steps; pauses, withdrawals, proxies. `properties` is reckoned
anew from the log, in fractions and without the engine's own functions, wherever that is possible.
"""
