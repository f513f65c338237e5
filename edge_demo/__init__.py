"""What runs on the device; complete by itself, never TensorFlow."""
