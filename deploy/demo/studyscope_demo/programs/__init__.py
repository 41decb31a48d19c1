"""The processes of the demo, one module each, started as `python -m studyscope_demo.programs.<name>`."""
