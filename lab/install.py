"""`python -m lab.install`: unpack Asterisk for the lab, if that has not been done."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from domain.errors import DialerError
from lab.root import ensure_root


def main() -> int:
    data_dir = Path(os.environ.get("DIALER_DATA_DIR", ".data"))
    try:
        root = ensure_root(data_dir)
        sys.stdout.write(f"{root.version()}: {root.path}\n")
    except DialerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
