"""The web studio: a page and an API on the device itself."""
