"""Colour spaces, chroma siting and filters on colours: numbers in, numbers out."""
