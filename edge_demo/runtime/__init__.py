"""The contract between training and the device, and what carries it out: numpy and OpenCV."""
