"""The rules of reverse auctions: pure functions from values and an instant to a decision.

``decide(state, command, at)`` gives events or a rejection, ``evolve(state, event)`` the state after
an event; a lot's state is the fold of its log. Nothing here reads a clock, a database or a socket.
"""
