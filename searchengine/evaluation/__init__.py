"""How well an encoder finds, measured on a labelled folder."""
