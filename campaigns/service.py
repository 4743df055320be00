"""Creating, changing and starting a campaign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from campaigns.loading.load import HOURS_AHEAD_DAYS
from campaigns.presets import preset
from campaigns.ruleset import CampaignRules, validate
from domain.bases import CampaignStore, NewCampaign
from domain.calendar import open_intervals
from domain.clock import Clock
from domain.errors import BadInput
from domain.i18n import _
from domain.ids import CampaignId
from domain.records import CampaignRow

#: Expand the opening hours anew so often; they reach HOURS_AHEAD_DAYS ahead.
REFRESH_HOURS_EVERY = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class CampaignRequest:
    """overrides: fields of the rules' document that replace those of the preset. caller_id: digits or empty."""

    client: str
    name: str
    preset: str
    mode: str
    trunk: str
    trunk_is_lab: bool
    caller_id: str = ""
    abandon_message: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)


async def create_campaign(store: CampaignStore, request: CampaignRequest) -> CampaignId:
    """Raises BadInput, naming the field, or AlreadyExists."""
    rules = preset(request.preset, request.overrides)
    validate(rules, trunk_is_lab=request.trunk_is_lab)
    if request.caller_id and not (request.caller_id.isascii() and request.caller_id.isdigit()):
        raise BadInput(_("The caller id must be digits of an international number, without plus."))
    return await store.create(
        NewCampaign(
            client=request.client.strip(),
            name=request.name.strip(),
            mode=request.mode,
            trunk=request.trunk,
            caller_id=request.caller_id,
            rules=rules.to_document(),
            abandon_message=request.abandon_message,
        )
    )


async def change_rules(
    store: CampaignStore, clock: Clock, campaign: CampaignRow, changes: Mapping[str, Any], *, trunk_is_lab: bool
) -> int:
    """Replace some fields of the rules; the new version. Raises BadInput, naming the field."""
    rules = CampaignRules.from_document({**campaign.rules, **changes})
    validate(rules, trunk_is_lab=trunk_is_lab)
    version = await store.set_rules(campaign.id, rules.to_document())
    await _expand_hours(store, campaign.id, rules, clock.now())
    return version


async def start_campaign(store: CampaignStore, clock: Clock, name: str, *, trunk_is_lab: bool) -> CampaignRow:
    """Raises NotFound, or BadInput if the rules do not suit the trunk or a message for abandoned calls is missing."""
    campaign = await store.by_name(name)
    rules = CampaignRules.from_document(campaign.rules)
    validate(rules, trunk_is_lab=trunk_is_lab)
    if campaign.mode == "power" and not campaign.abandon_message:
        raise BadInput(
            _(
                "Campaign {name} dials ahead of its agents, so somebody may answer and find none. "
                "Upload a message that names the caller and a number first, or use the progressive mode."
            ).format(name=campaign.name)
        )
    await _expand_hours(store, campaign.id, rules, clock.now())
    await store.set_state(campaign.id, "running")
    return campaign


async def refresh_hours(store: CampaignStore, clock: Clock, campaign: CampaignRow) -> None:
    """Keep the opening hours expanded HOURS_AHEAD_DAYS ahead; to be called every REFRESH_HOURS_EVERY."""
    await _expand_hours(store, campaign.id, CampaignRules.from_document(campaign.rules), clock.now())


async def _expand_hours(store: CampaignStore, campaign: CampaignId, rules: CampaignRules, now: datetime) -> None:
    for zones in await store.zone_sets(campaign):
        hours = open_intervals(rules.window, zones, now, HOURS_AHEAD_DAYS)
        await store.set_hours(campaign, zones, now, hours)
