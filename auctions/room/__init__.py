"""The room: a page on which people follow an auction and bid, and the history it draws."""
