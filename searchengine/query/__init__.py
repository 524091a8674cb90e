"""The read path: from what was asked to what is found."""
