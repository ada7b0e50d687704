"""Web pages and the processes that serve them."""
