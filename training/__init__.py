"""Fit and evaluate: configs, losses, callbacks, reports."""
