"""Sources of photographs, cleaning, augmentation and tf.data pipelines."""
