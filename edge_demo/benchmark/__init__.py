"""``python -m edge_demo benchmark``: speed, memory and quality of models, beside baselines."""
