"""Recording by MixMonitor: one raw file, both sides apart.

Option D interleaves: left what the channel says, right what it hears; 8 kHz, 16 bit, little
endian. It needs the extension .raw. AMI because ARI has no equivalent: its bridge recording is mono.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from ami.client import AmiClient
from domain.errors import BadInput, TelephonyError
from domain.i18n import _

_CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_FOLDER = re.compile(r"(?:/[A-Za-z0-9._-]+)+")
_BELOW = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*\.raw")
_PATH_LENGTH = 255


class MixMonitorRecorder:
    """The engine's CallRecorder. folder: where Asterisk may write, as Asterisk sees it."""

    def __init__(self, client: AmiClient, folder: Path) -> None:
        # MixMonitor's arguments are cut at commas and expanded: nothing but plain names may pass.
        if not _FOLDER.fullmatch(str(folder)) or ".." in folder.parts:
            raise BadInput(
                _("the recordings folder must be an absolute path of letters, digits, dots, dashes and underscores")
            )
        self._client = client
        self._folder = PurePosixPath(folder)

    async def start(self, channel: str, path: Path) -> None:
        """Record both sides of a live channel until it ends.

        path: absolute, below the folder, letters, digits, dot, dash and underscore, ending in
        .raw; its own folder must exist. Raises TelephonyError (bad argument, refused), Gone (no
        such channel), InDoubt or Unavailable.
        """
        if not _CHANNEL.fullmatch(channel):
            raise TelephonyError(_("not a valid channel id to record"))
        text = str(path)
        if len(text) > _PATH_LENGTH or not self._is_below(PurePosixPath(text)):
            raise TelephonyError(_("a recording goes to a plain .raw file below the recordings folder"))
        await self._client.action("MixMonitor", {"Channel": channel, "File": text, "options": "D"})

    def _is_below(self, path: PurePosixPath) -> bool:
        if self._folder not in path.parents:
            return False
        return _BELOW.fullmatch(str(path.relative_to(self._folder))) is not None
