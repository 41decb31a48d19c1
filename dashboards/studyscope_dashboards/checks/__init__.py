"""What can be known of a page without a server: its form, its place on the grid, its queries, Grafana's own lint rules."""
