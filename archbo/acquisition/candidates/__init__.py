"""Candidates: where the rows come from that an acquisition function chooses among."""
