"""Why an item ended as it did: every rule, part and field of it."""
