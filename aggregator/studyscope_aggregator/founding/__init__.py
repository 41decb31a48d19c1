"""A new centre: its file, an empty registry, and what Prometheus, Alertmanager, Grafana and a reverse proxy read."""
