"""The commands of `marketplace`, one file a story; `marketplace.cli` gathers them.

A command imports what it needs when it runs: all of it takes a second, and `dev`, which starts the
others, would spend that second twice.
"""
