"""`python -m dialer`: the same as the console script."""

from __future__ import annotations

from dialer.cli import main

if __name__ == "__main__":
    main()
