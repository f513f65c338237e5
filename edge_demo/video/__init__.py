"""Video files: read frame by frame as their decoder has them, restored, and written 4:4:4."""
