"""A first mapping from sample bodies: what they show, and how it is written down."""
