"""`python -m studyscope_aggregator`."""

from studyscope_aggregator.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
