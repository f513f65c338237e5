"""How good a result is: metrics, baselines, and the one shape of every table."""
