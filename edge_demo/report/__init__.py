"""Reports: pages with charts, pictures and crops, and tables of text."""
