"""Tensors to tensors. Networks only; nothing of ours but the errors."""
