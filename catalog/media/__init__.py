"""Pictures and papers of products that were uploaded, beside those that are links."""
