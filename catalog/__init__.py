"""Posted prices: products, offers, price lists and the one resolver of prices."""
