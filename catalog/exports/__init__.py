"""Files that leave: offers, price lists and a buyer's own prices, as streams of any size."""
