"""Cases beside mappings: read, tried, compared, counted, written anew."""
