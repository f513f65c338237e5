"""HTML of an evaluation."""
