"""Kinds of sources at a site; the file name is the `kind` in the site file."""
