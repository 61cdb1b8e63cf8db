"""One module a phenomenon: the values that are read from its runs, and the checks on them."""
