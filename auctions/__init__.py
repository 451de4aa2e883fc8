"""Live competition: reverse auctions decided by a pure engine and a hash-chained ledger."""
