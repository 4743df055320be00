"""`make verify-demo`: start the demo's PostgreSQL again and let the witness compare its rows with the call logs.

The witness itself imports nothing of the product; this only gives it a database to read.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from dialer.settings import read_settings
from domain.errors import DialerError, NotFound
from domain.i18n import _
from lab.render import write_private
from sql.embedded import EmbeddedPostgres

WITNESS = Path(__file__).resolve().parent.parent / "witness" / "verify.py"


def verify(data_dir: Path, arguments: list[str]) -> int:
    """The witness's exit code for the newest demo. Raises NotFound if there is none."""
    runs = sorted((data_dir / "demo").glob("*/run.json"))
    if not runs:
        raise NotFound(_("There is no finished demo to verify. Run: make demo"))
    run = json.loads(runs[-1].read_text(encoding="utf-8"))
    server = EmbeddedPostgres.start(data_dir)
    described = runs[-1].with_name("verify.json")
    try:
        write_private(described, json.dumps({**run, "dsn": server.dsn(run["database"])}))
        return subprocess.run([sys.executable, str(WITNESS), str(described), *arguments], check=False).returncode
    finally:
        described.unlink(missing_ok=True)
        server.stop()


if __name__ == "__main__":
    try:
        raise SystemExit(verify(read_settings().data_dir.resolve(), sys.argv[1:]))
    except DialerError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(error.exit_code) from None
