"""Builders for TensorFlow Datasets, and prepared data sets of any builder as sources."""

# Each is a folder here.
BUILDERS = ("kaggle_colorization", "lhq", "lol")
