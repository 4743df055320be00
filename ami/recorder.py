"""Recording by MixMonitor: one raw file, both sides apart.

Option D interleaves: left what the channel says, right what it hears; 8 kHz, 16 bit, little
endian. It needs the extension .raw. AMI because ARI has no equivalent: its bridge recording is mono.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from ami.client import AmiClient
from domain.errors import TelephonyError
from domain.i18n import _

_CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_PATH = re.compile(r"/(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*\.raw")
_PATH_LENGTH = 255


class MixMonitorRecorder:
    """The engine's CallRecorder. folder: where Asterisk may write, as Asterisk sees it."""

    def __init__(self, client: AmiClient, folder: Path) -> None:
        if not folder.is_absolute() or ".." in folder.parts:
            raise TelephonyError(_("the recordings folder must be an absolute path"))
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
        # MixMonitor's arguments are cut at commas and expanded: nothing but plain names may pass.
        text = str(path)
        if not _PATH.fullmatch(text) or len(text) > _PATH_LENGTH or self._folder not in PurePosixPath(text).parents:
            raise TelephonyError(_("a recording goes to a plain .raw file below the recordings folder"))
        await self._client.action("MixMonitor", {"Channel": channel, "File": text, "options": "D"})
