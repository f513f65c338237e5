"""From a trained run to checked, self-describing TFLite files."""
