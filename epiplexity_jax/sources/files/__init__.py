"""Sources read from disk, or from arrays of the same form."""
