"""One module a format: NAME, WHAT it is, RANK (who is asked first), whether a path `holds` it, `read` and `write`."""
