"""Reports: what a search has found and what is to be thought of it, on one page."""
