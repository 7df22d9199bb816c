"""`python -m streams.demo`: the same as `suture demo`."""

import typer

from streams.cli_demo import demo

if __name__ == "__main__":
    typer.run(demo)
