"""The one way an AMI action is written: names and keys from an allow-list, values of one plain line.

AMI is a line protocol: a line break in a value starts a new action. What does not pass is
refused, never repaired, and not repeated in the message.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from domain.errors import BadInput
from domain.i18n import _

#: Action -> the keys it may carry: only what reads. Calls and recordings are the dialplan's and ARI's.
PERMITTED: Mapping[str, frozenset[str]] = {
    "Login": frozenset({"Username", "Secret", "Events"}),
    "Logoff": frozenset(),
    "Ping": frozenset(),
    "CoreStatus": frozenset(),
}

_VALUE_LENGTH = 512
# Control, format, surrogate, private and unassigned characters; line and paragraph separators.
_FORBIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def written(name: str, fields: Mapping[str, str]) -> dict[str, str]:
    """The action as panoramisk takes it. Raises BadInput."""
    permitted = PERMITTED.get(name)
    if permitted is None:
        raise BadInput(_("this AMI action is not permitted"))
    for key, value in fields.items():
        if key not in permitted:
            raise BadInput(_("a key of the AMI action {action} is not permitted").format(action=name))
        if not isinstance(value, str) or len(value) > _VALUE_LENGTH or value != value.strip():
            raise BadInput(_("the value of {action}.{key} is not one plain line").format(action=name, key=key))
        if any(unicodedata.category(sign) in _FORBIDDEN for sign in value):
            raise BadInput(_("the value of {action}.{key} holds a control character").format(action=name, key=key))
    return {"Action": name, **fields}
