"""Cross-modal search: find anything with anything."""
