"""What a model does to a picture on a device, and to the frames of a video."""
