"""Getting signed reports to the centre; knows nothing exact."""
