"""A camera's pictures, restored as they come: on a screen, into a file, or to a browser."""
