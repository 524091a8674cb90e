"""Nearest neighbours among vectors: which kind of index, and that index."""
