"""Media to unit vectors."""
