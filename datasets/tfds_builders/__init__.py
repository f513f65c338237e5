"""Builders for TensorFlow Datasets, and their pictures as folders that ``pairs:`` reads."""
