"""``zoldyq`` and ``python -m zoldyq``: the way into the command line."""

from __future__ import annotations

from zoldyq.cli import starting


def main() -> None:
    """Run the command line and exit the process with its exit code."""
    starting.begin()
    # Only here: a signal while this loads ends the process without a traceback.
    from zoldyq.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
