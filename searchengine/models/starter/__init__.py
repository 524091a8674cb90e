"""The networks of the ``starter`` encoder: small, openly licensed, shipped with the install."""
