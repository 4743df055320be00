"""Bases of leads, campaigns and the do-not-call list: rows, and what their use-cases need of the database.

Every method may raise domain.errors.Unavailable.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from domain.calendar import Interval
from domain.disposition import DispositionKind
from domain.ids import CampaignId
from domain.outcome import Temperature
from domain.records import CampaignRow

# Reasons that only the database can give; the others name what is wrong with the number.
DUPLICATE_IN_FILE = "duplicate in file"
ALREADY_IN_CAMPAIGN = "already in campaign"
DO_NOT_CALL = "do-not-call"


@dataclass(frozen=True, slots=True)
class BaseHeader:
    """A file about to be loaded into a list of a campaign."""

    campaign: CampaignId
    list_name: str
    temperature: Temperature
    file_name: str
    sha256: bytes
    encoding: str
    separator: str
    mapping: Mapping[str, object]
    default_zone: str | None
    loaded_by: str


@dataclass(frozen=True, slots=True)
class StagedLead:
    """One row of the file whose number may be called.

    number: E.164 digits. zones: where the person may be, sorted; empty: unknown, so the lead is blocked.
    columns: the row as it stood, for the list of rejects.
    """

    line: int
    number: str
    name: str
    company: str
    city: str
    extra: Mapping[str, str]
    zones: tuple[str, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RejectedRow:
    line: int
    reason: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadCounts:
    """rows = accepted + all of `rejects`. zone_unknown: of the accepted, those blocked for want of a zone."""

    rows: int
    accepted: int
    zone_unknown: int
    rejects: Mapping[str, int] = field(default_factory=dict)


class BaseLoad(Protocol):
    """One load, inside one transaction."""

    async def reject(self, rows: Sequence[RejectedRow]) -> None: ...

    async def stage(self, leads: Sequence[StagedLead]) -> None: ...

    async def set_hours(self, zones: Sequence[str], since: datetime, intervals: Sequence[Interval]) -> None:
        """The campaign's open intervals in this set of zones, instead of those it had after `since`."""
        ...

    async def enrol(self, rows: int) -> LoadCounts:
        """Reject duplicates and do-not-call numbers, enrol and queue the others. rows: of the file."""
        ...

    def rejected(self) -> AsyncIterator[RejectedRow]:
        """All rejects by line; to be read after `enrol`."""
        ...


class BaseStore(Protocol):
    async def campaign(self, campaign: CampaignId) -> CampaignRow:
        """Raises NotFound."""
        ...

    async def loaded(self, campaign: CampaignId, sha256: bytes) -> LoadCounts | None:
        """What the earlier load of this very content gave; None if there was none."""
        ...

    def load(self, header: BaseHeader, *, dry_run: bool) -> AbstractAsyncContextManager[BaseLoad]:
        """Commits when the block ends, unless it raises or is a dry run. One load at a time per campaign.

        Raises AlreadyExists if this content was loaded meanwhile, BadInput if the list exists with
        another temperature."""
        ...


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """rules: the document of campaigns.rules.CampaignRules. client: made if there is none of that name."""

    client: str
    name: str
    mode: str
    trunk: str
    caller_id: str
    rules: dict[str, Any]
    abandon_message: str | None


class CampaignStore(Protocol):
    async def create(self, campaign: NewCampaign) -> CampaignId:
        """State draft. Raises AlreadyExists if the name is taken."""
        ...

    async def by_name(self, name: str) -> CampaignRow:
        """Raises NotFound."""
        ...

    async def set_state(self, campaign: CampaignId, state: str) -> None: ...

    async def set_rules(self, campaign: CampaignId, rules: dict[str, Any]) -> int:
        """The new version."""
        ...

    async def zone_sets(self, campaign: CampaignId) -> Sequence[tuple[str, ...]]:
        """The sets of zones in which the campaign has leads."""
        ...

    async def set_hours(
        self, campaign: CampaignId, zones: Sequence[str], since: datetime, intervals: Sequence[Interval]
    ) -> None:
        """The campaign's open intervals in this set of zones, instead of those it had after `since`."""
        ...

    async def disposition_kinds(self) -> Sequence[DispositionKind]:
        """In the order in which agents see them."""
        ...


@dataclass(frozen=True, slots=True)
class DncEntry:
    """client: None: for every client. number: E.164 digits."""

    number: str
    client: str | None
    reason: str
    added_by: str
    added_at: datetime


class DncStore(Protocol):
    async def add(self, numbers: Sequence[str], client: str | None, reason: str, added_by: str) -> int:
        """How many were not on the list yet. Raises NotFound if there is no such client."""
        ...

    async def remove(self, number: str, client: str | None) -> bool:
        """False if it was not on the list."""
        ...

    async def entries(self, limit: int) -> Sequence[DncEntry]:
        """The latest first."""
        ...
