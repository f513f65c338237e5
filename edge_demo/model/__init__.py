"""A model file: its card, its graph, the interpreter that runs it, and the tiles it is run on."""
