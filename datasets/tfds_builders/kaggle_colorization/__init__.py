"""Kaggle's "Image Colorization": small photographs in Lab."""
