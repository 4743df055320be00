"""A telephone network in a box: the dialler's switch, and a second Asterisk that is everybody else.

    with Lab.start(data_dir, agents=20) as lab:      # or `async with`
        ...                                          # arm lab.trunk, dial PJSIP/<digits>@<its gate>

The switch runs the product's own configuration (docker/asterisk). On the network the called number decides what
happens (lab/README.md), and robot agents register at the switch and answer at once. Everything is on loopback,
every start has ports, secrets and a folder of its own, and nothing outlives the process that started it.
"""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from domain.errors import BadInput, Unavailable
from domain.i18n import _, ngettext
from lab import ports
from lab.instance import Folder, Instance
from lab.processes import ProcessId
from lab.render import render_agents, render_folder, write_private
from lab.root import AsteriskRoot, ensure_root

TRUNK = "network"
APP = "dialer"
MOST_AGENTS = 200
_KEPT_RUNS = 5
_REGISTER_S = 15.0
_POLL_S = 0.02
_HERE = Path(__file__).resolve().parent
SWITCH_TEMPLATES = _HERE.parent / "docker" / "asterisk"
NETWORK_TEMPLATES = _HERE / "asterisk" / "network"
RUN_FILE = "run.json"


@dataclass(frozen=True, slots=True)
class AmiAccess:
    host: str
    port: int
    user: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AriAccess:
    """base_url: `http://host:port` (the resources are below `/ari`)."""

    base_url: str
    user: str
    secret: str = field(repr=False)
    app: str


@dataclass(frozen=True, slots=True)
class LabAccess:
    """How to reach a running lab.

    trunk: the PJSIP endpoint to arm, and then to dial through its gate. agent_endpoints: PJSIP endpoints of
    registered robots.
    cel_switch, cel_network: call logs, CSV without a header: event, time, caller, extension, channel, unique id,
    linked id, more (JSON). heard_dir: recordings of what the network's parties hear.
    message_media: media of the abandoned message, as ARI's `play` takes it. media_address: where RTP comes from
    and goes to; an endpoint made at run time needs it, or Asterisk asks the name service for every call.
    """

    run_id: str
    folder: Path
    ami: AmiAccess
    ari: AriAccess
    trunk: str
    agent_endpoints: Sequence[str]
    cel_switch: Path
    cel_network: Path
    spool_switch: Path
    heard_dir: Path
    message_media: str
    processes: Sequence[ProcessId]
    media_address: str = ports.HOST


@dataclass(frozen=True, slots=True)
class Lab(LabAccess):
    """A running lab that ends with `stop`, with its `with` block, or with the process that started it."""

    instances: Sequence[Instance] = field(default=(), repr=False)

    @classmethod
    def start(cls, data_dir: Path, *, agents: int = 20, recording_agents: int = 1, detached: bool = False) -> Lab:
        """Start both instances and return when every robot is registered.

        agents: robot agents `agent001`, `agent002`, ... recording_agents: how many of them, from the first, keep
        what they hear in heard_dir, as `<agent>-<n>.wav`. detached: outlive the caller (see lab.detached).
        Blocks for a second or two; the first start on a machine also unpacks Asterisk (a minute).
        Raises BadInput for a bad number of agents, Unavailable with the end of Asterisk's log otherwise.
        """
        if not 0 <= agents <= MOST_AGENTS:
            text = _("The lab can have 0 to {most} robot agents, not {count}.")
            raise BadInput(text.format(most=MOST_AGENTS, count=agents))
        root = ensure_root(data_dir)
        runs = data_dir.resolve() / "lab"
        _remove_old(runs)
        run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        folder = runs / run_id
        with ports.claim() as block:
            plan = _Plan(root, folder, block, agents, recording_agents)
            switch, network = plan.switch(), plan.network()
            try:
                # the network first: a switch that asks in vain after its trunk asks again ten seconds later
                for instance in (network, switch):
                    if detached:
                        instance.start_detached()
                    else:
                        instance.start()
                    instance.wait_booted()
                access = plan.access(run_id, (switch, network))
                _wait_registered(access, switch, network)
            except BaseException:
                network.stop()
                switch.stop()
                raise
        write_private(folder / RUN_FILE, json.dumps(as_json(access)))
        told = {one.name: getattr(access, one.name) for one in fields(access)}
        return cls(**told, instances=(switch, network))

    def stop(self) -> None:
        """End both instances; the folder stays. A second call does nothing."""
        for instance in reversed(self.instances):
            instance.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()


@dataclass(frozen=True, slots=True)
class _Plan:
    """Names, ports and secrets of one run, and the folders rendered from them."""

    root: AsteriskRoot
    folder: Path
    block: ports.PortBlock
    agents: int
    recording_agents: int
    ami_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    ari_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    agent_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @property
    def names(self) -> list[str]:
        return [f"agent{number:03d}" for number in range(1, self.agents + 1)]

    @property
    def heard(self) -> Path:
        return self.folder / "network" / "spool" / "heard"

    @property
    def sounds(self) -> Path:
        return self.folder / "sounds"

    def switch(self) -> Instance:
        folder = Folder(self.folder / "switch")
        folder.make()
        # Here and below, not at the top: it imports numpy, and every command of `dialer` imports this module.
        from lab import tones

        tones.write_sounds(self.sounds)
        first, last = self.block.switch_rtp
        values = {
            **folder.values(self.root),
            "ABANDONED_MESSAGE": str(self.sounds / "abandoned"),
            "AMI_PORT": str(self.block.ami),
            "AMI_SECRET": self.ami_secret,
            "AMI_USER": "dialer",
            "ARI_PORT": str(self.block.ari),
            "ARI_SECRET": self.ari_secret,
            "ARI_USER": "dialer",
            "MEDIA_ADDRESS": ports.HOST,
            "RTP_START": str(first),
            "RTP_END": str(last),
            "SIP_BIND": f"{ports.HOST}:{self.block.switch_sip}",
            "TRUNK": TRUNK,
            "TRUNK_CONTACT": f"sip:{ports.HOST}:{self.block.network_sip}",
            "TRUNK_MATCH": f"{ports.HOST}:{self.block.network_sip}",
        }
        return self._render("switch", folder, SWITCH_TEMPLATES, values)

    def network(self) -> Instance:
        folder = Folder(self.folder / "network")
        folder.make()
        self.heard.mkdir(parents=True)
        from lab import tones

        first, last = self.block.network_rtp
        values = {
            **folder.values(self.root),
            "AGENT_HZ": f"{tones.F_AGENT:.0f}",
            "CUSTOMER_HZ": f"{tones.F_CUSTOMER:.0f}",
            "HEARD_DIR": str(self.heard),
            "RECORDING_AGENTS": str(self.recording_agents),
            "RTP_START": str(first),
            "RTP_END": str(last),
            "SIP_PORT": str(self.block.network_sip),
            "SOUNDS_DIR": str(self.sounds),
            "SWITCH_SIP_PORT": str(self.block.switch_sip),
        }
        return self._render("network", folder, NETWORK_TEMPLATES, values)

    def _render(self, name: str, folder: Folder, templates: Path, values: dict[str, str]) -> Instance:
        render_folder(templates, folder.etc, values)
        agents = [(agent, self.agent_secret) for agent in self.names]
        render_agents(templates / "agent.template", folder.etc / "pjsip_agents.conf", agents, values)
        return Instance(name, folder, self.root)

    def access(self, run_id: str, instances: Sequence[Instance]) -> LabAccess:
        switch, network = (instance.folder for instance in instances)
        return LabAccess(
            run_id=run_id,
            folder=self.folder,
            ami=AmiAccess(ports.HOST, self.block.ami, "dialer", self.ami_secret),
            ari=AriAccess(f"http://{ports.HOST}:{self.block.ari}", "dialer", self.ari_secret, APP),
            trunk=TRUNK,
            agent_endpoints=self.names,
            cel_switch=switch.cel,
            cel_network=network.cel,
            spool_switch=switch.spool,
            heard_dir=self.heard,
            message_media=f"sound:{self.sounds / 'abandoned'}",
            processes=[instance.process for instance in instances if instance.process is not None],
        )


def _wait_registered(access: LabAccess, switch: Instance, network: Instance) -> None:
    token = base64.b64encode(f"{access.ari.user}:{access.ari.secret}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 - the address is ours, on loopback
        f"{access.ari.base_url}/ari/endpoints/PJSIP", headers={"Authorization": f"Basic {token}"}
    )
    # a proxy of the environment must not see requests to loopback
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    wanted = set(access.agent_endpoints)
    deadline = time.monotonic() + _REGISTER_S
    while True:
        try:
            with opener.open(request, timeout=_REGISTER_S) as reply:
                missing = wanted - {row["resource"] for row in json.load(reply) if row["state"] == "online"}
        except (urllib.error.URLError, OSError) as error:
            text = _("The lab's switch does not answer over ARI ({error}).").format(error=error)
            raise Unavailable(text + switch.tail()) from error
        if not missing:
            return
        if time.monotonic() > deadline:
            text = ngettext(
                "{count} endpoint of the lab did not come online, e.g. {name}.",
                "{count} endpoints of the lab did not come online, e.g. {name}.",
                len(missing),
            )
            raise Unavailable(text.format(count=len(missing), name=min(missing)) + network.tail())
        time.sleep(_POLL_S)


def as_json(access: LabAccess) -> dict[str, object]:
    """What run.json holds; `from_json` reads it back."""
    return {
        "run_id": access.run_id,
        "folder": str(access.folder),
        "ami": [access.ami.host, access.ami.port, access.ami.user, access.ami.secret],
        "ari": [access.ari.base_url, access.ari.user, access.ari.secret, access.ari.app],
        "trunk": access.trunk,
        "agent_endpoints": list(access.agent_endpoints),
        "cel_switch": str(access.cel_switch),
        "cel_network": str(access.cel_network),
        "spool_switch": str(access.spool_switch),
        "heard_dir": str(access.heard_dir),
        "message_media": access.message_media,
        "processes": [[process.pid, process.started] for process in access.processes],
    }


def read_run(path: Path) -> LabAccess | None:
    """The lab that a run.json describes; None if there is none or it was cut short."""
    try:
        told = json.loads(path.read_text())
        return LabAccess(
            run_id=told["run_id"],
            folder=Path(told["folder"]),
            ami=AmiAccess(*told["ami"]),
            ari=AriAccess(*told["ari"]),
            trunk=told["trunk"],
            agent_endpoints=told["agent_endpoints"],
            cel_switch=Path(told["cel_switch"]),
            cel_network=Path(told["cel_network"]),
            spool_switch=Path(told["spool_switch"]),
            heard_dir=Path(told["heard_dir"]),
            message_media=told["message_media"],
            processes=[ProcessId(*pair) for pair in told["processes"]],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remove_old(runs: Path) -> None:
    """Keep the newest few runs; a run with a living process is never touched."""
    folders = sorted((folder for folder in runs.glob("*-*-*") if folder.is_dir()), reverse=True)
    for folder in folders[_KEPT_RUNS - 1 :]:
        access = read_run(folder / RUN_FILE)
        if access is None or not any(process.alive for process in access.processes):
            shutil.rmtree(folder, ignore_errors=True)
