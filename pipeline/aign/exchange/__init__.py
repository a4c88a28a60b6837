"""Publishing, importing, exporting and merging datasets and models."""
