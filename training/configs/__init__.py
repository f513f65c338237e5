"""One config a model: differences from ``training.config.FitConfig``."""
