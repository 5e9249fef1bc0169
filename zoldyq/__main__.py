"""``python -m zoldyq`` is ``zoldyq``."""

from zoldyq.cli.main import main

if __name__ == "__main__":
    main()
