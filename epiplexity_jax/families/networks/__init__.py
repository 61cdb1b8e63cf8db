"""Networks of widths x depths in muP: layers, attention, and a file for each architecture."""
