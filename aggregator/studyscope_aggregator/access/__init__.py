"""Who sees what: roles, the series that each sees, and queries that are held to them."""
