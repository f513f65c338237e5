"""LHQ: landscapes."""
