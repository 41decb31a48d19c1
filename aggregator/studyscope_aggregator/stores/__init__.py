"""Stores of accepted reports, one module per kind."""
