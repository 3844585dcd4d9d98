"""Two versions of a mapping over the same bodies: what changes."""
