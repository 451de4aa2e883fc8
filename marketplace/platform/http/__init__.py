"""HTTP: problems, wire types, pages, access, rate limits, the OpenAPI document."""
