"""The tree of errors that people and callers see.

    DialerError
    ├── BadInput              a file, a flag or a rule is wrong: says what, where and what to do
    ├── AlreadyExists         the name or file is taken
    ├── NotFound              no such campaign, agent, list
    ├── Unavailable           PostgreSQL, AMI, ARI or a node is away
    │   └── AccessDenied      it answered, and refused the credentials
    └── TelephonyError
        ├── NotPlaced         refused before any INVITE; certain
        ├── InDoubt           no answer in time: the call may or may not exist
        ├── Gone              the channel, bridge or playback no longer exists
        └── Clash             the id is in use

Messages carry no phone number, name or secret. `exit_code` is what the command line returns.
"""

from __future__ import annotations


class DialerError(Exception):
    """Something went wrong that a person can act on."""

    exit_code = 1
    retryable = False


class BadInput(DialerError):
    exit_code = 2


class AlreadyExists(DialerError):
    exit_code = 3


class NotFound(DialerError):
    exit_code = 4


class Unavailable(DialerError):
    exit_code = 5
    retryable = True


class AccessDenied(Unavailable):
    exit_code = 6
    retryable = False


class TelephonyError(DialerError):
    exit_code = 5


class NotPlaced(TelephonyError):
    pass


class InDoubt(TelephonyError):
    pass


class Gone(TelephonyError):
    pass


class Clash(TelephonyError):
    pass
