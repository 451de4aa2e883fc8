"""What a price is and which one wins. Pure: values in, a price with its reasons out."""
