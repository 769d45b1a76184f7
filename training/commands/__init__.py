"""The commands of ``callstream train``: each parses, calls one function, prints."""
