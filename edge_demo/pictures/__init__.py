"""Picture files: what they say, what they hold, and writing them whole."""
