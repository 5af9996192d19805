"""Pages to look at before anyone trains: what the data are, and what was kept out of them."""
