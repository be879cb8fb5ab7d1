"""``python -m archbo`` is ``archbo``."""

from archbo.cli import main

if __name__ == "__main__":
    main()
