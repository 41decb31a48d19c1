"""The hospital side: reads local data, protects aggregate tables, sends signed reports outbound."""
