"""What a person can see of media: one picture a kind, drawn on demand and kept on disk."""
