"""Grafana dashboards, Prometheus alert rules and Alertmanager routes, as code."""
