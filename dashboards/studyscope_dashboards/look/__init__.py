"""Looks at every page as a person would: all queries of all panels through a real server, and screenshots."""
