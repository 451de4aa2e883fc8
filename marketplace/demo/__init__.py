"""What a new user sees first: demo companies, a live auction with bidders, and the whole road."""
