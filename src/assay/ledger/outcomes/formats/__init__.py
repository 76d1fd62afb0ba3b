"""One module a format of outcomes: WHAT it is, whether a path `holds` it, and `read`."""
