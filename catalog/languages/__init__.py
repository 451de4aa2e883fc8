"""Languages of texts: which tags there are, whose text a reader gets, and what a request asks."""
