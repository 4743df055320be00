"""Every placeholder of the switch's configuration is filled by both who use it: the lab and the container."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from domain.errors import BadInput
from lab.network import NETWORK_TEMPLATES, SWITCH_TEMPLATES, _Plan
from lab.ports import PortBlock
from lab.render import fill, placeholders
from lab.root import AsteriskRoot

pytestmark = pytest.mark.unit

_DOCKER = SWITCH_TEMPLATES.parent
_ENTRYPOINT = _DOCKER / "switch-entrypoint.sh"
_LEFT = re.compile(r"@[A-Z][A-Z0-9_]*@")
_FORBIDDEN = re.compile(r"app_system|shell|agi|curl|func_env|externalivr|app_originate|clioriginate|disa|pbx_spool")


def _wanted(folder: Path) -> set[str]:
    return set().union(*(placeholders(path.read_text()) for path in folder.glob("*.conf")))


def _rendered_by_the_lab(base: Path) -> _Plan:
    plan = _Plan(AsteriskRoot(base / "root"), base / "run", PortBlock(20000), agents=2, recording_agents=1)
    plan.switch()
    plan.network()
    return plan


def _rendered_by_the_container(base: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run the real script, with an `asterisk` that only tells how it was called."""
    programs, secrets = base / "bin", base / "secrets"
    programs.mkdir(parents=True)
    secrets.mkdir()
    fake = programs / "asterisk"
    fake.write_text('#!/bin/sh\necho started "$@"\n')
    fake.chmod(0o755)
    for name in ("ami", "ari"):
        (secrets / name).write_text(f"{name}0123456789")
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "DIALER_SWITCH_TEMPLATES": str(SWITCH_TEMPLATES),
        "DIALER_SWITCH_WORK": str(base / "work"),
        "DIALER_SWITCH_STATE": str(base / "state"),
        "DIALER_SWITCH_SPOOL": str(base / "spool"),
        "DIALER_SWITCH_SECRETS": str(secrets),
        "DIALER_SWITCH_MODULES": "/usr/lib/modules-of-asterisk",
        "DIALER_SWITCH_USER": str(os.geteuid()),
        "DIALER_TRUNK_HOST": "sip.example.net",
        "DIALER_SIP_ADDRESS": "192.0.2.7",
        "DIALER_AGENTS": "2",
        **changes,
    }
    return subprocess.run(["sh", str(_ENTRYPOINT)], env=environment, capture_output=True, text=True, check=False)


def test_the_lab_fills_every_placeholder_of_both_instances(tmp_path: Path) -> None:
    plan = _rendered_by_the_lab(tmp_path)
    for name, templates in (("switch", SWITCH_TEMPLATES), ("network", NETWORK_TEMPLATES)):
        rendered = {path.name: path.read_text() for path in (plan.folder / name / "etc").iterdir()}
        assert {path.name for path in templates.glob("*.conf")} | {"pjsip_agents.conf"} == rendered.keys()
        assert not [file for file, text in rendered.items() if _LEFT.search(text)]
        assert rendered["pjsip_agents.conf"].count("agent002") > 0


def test_files_with_secrets_are_for_their_owner_only(tmp_path: Path) -> None:
    plan = _rendered_by_the_lab(tmp_path)
    for name in ("manager.conf", "ari.conf", "pjsip_agents.conf"):
        assert (plan.folder / "switch" / "etc" / name).stat().st_mode & 0o077 == 0


def test_secrets_do_not_show_in_a_repr(tmp_path: Path) -> None:
    plan = _rendered_by_the_lab(tmp_path)
    assert not any(secret in repr(plan) for secret in (plan.ami_secret, plan.ari_secret, plan.agent_secret))


def test_the_container_fills_every_placeholder(tmp_path: Path) -> None:
    done = _rendered_by_the_container(tmp_path)
    assert done.returncode == 0, done.stderr
    etc = tmp_path / "work" / "etc"
    assert f"started -f -n -C {etc}/asterisk.conf" in done.stdout
    rendered = {path.name: path.read_text() for path in etc.iterdir()}
    assert {path.name for path in SWITCH_TEMPLATES.glob("*.conf")} | {"pjsip_agents.conf"} == rendered.keys()
    assert not [file for file, text in rendered.items() if _LEFT.search(text)]
    assert "secret=ami0123456789\n" in rendered["manager.conf"]
    assert "contact=sip:sip.example.net:5060\n" in rendered["pjsip.conf"]


def test_agents_of_the_container_have_secrets_of_their_own_that_survive_a_restart(tmp_path: Path) -> None:
    _rendered_by_the_container(tmp_path)
    agents = tmp_path / "work" / "etc" / "pjsip_agents.conf"
    before = agents.read_text()
    keys = re.findall(r"^password=([0-9a-f]{32})$", before, re.MULTILINE)
    assert len(set(keys)) == 2
    (tmp_path / "bin" / "asterisk").unlink()
    (tmp_path / "bin").rmdir()
    for left in (tmp_path / "secrets").iterdir():
        left.unlink()
    (tmp_path / "secrets").rmdir()
    _rendered_by_the_container(tmp_path)
    assert agents.read_text() == before


def test_both_fill_the_same_placeholders() -> None:
    filled = set(re.findall(r"^put ([A-Z_]+)", _ENTRYPOINT.read_text(), re.MULTILINE))
    assert filled == _wanted(SWITCH_TEMPLATES)


@pytest.mark.parametrize("host", ["sip.example.net\nbind=0.0.0.0", "a;b", "[x]", "", "a|b", "$(id)"])
def test_a_value_that_could_add_configuration_is_refused_by_the_container(tmp_path: Path, host: str) -> None:
    done = _rendered_by_the_container(tmp_path, DIALER_TRUNK_HOST=host)
    assert done.returncode != 0
    assert "started" not in done.stdout


@pytest.mark.parametrize("value", ["a\nb", "a;b", "[general]", "x@Y@", "a\x00"])
def test_a_value_that_could_add_configuration_is_refused_by_the_lab(value: str) -> None:
    with pytest.raises(BadInput, match="NAME"):
        fill("secret=@NAME@", {"NAME": value}, where="manager.conf")


def test_a_placeholder_without_a_value_is_named() -> None:
    with pytest.raises(BadInput, match=r"manager\.conf: no value for AMI_PORT"):
        fill("port=@AMI_PORT@", {}, where="manager.conf")


def test_an_address_of_an_agent_is_no_placeholder() -> None:
    assert fill("sip:@AGENT@@127.0.0.1", {"AGENT": "agent001"}, where="x") == "sip:agent001@127.0.0.1"


def test_modules_that_reach_the_shell_files_or_the_web_are_not_loaded() -> None:
    text = (SWITCH_TEMPLATES / "modules.conf").read_text()
    assert "autoload=no" in text.splitlines()
    loaded = re.findall(r"^load => (\S+)", text, re.MULTILINE)
    assert len(loaded) > 50
    assert not [name for name in loaded if _FORBIDDEN.search(name)]


def test_the_manager_account_has_the_least_rights() -> None:
    rights = dict(re.findall(r"^(read|write)=(.*)$", (SWITCH_TEMPLATES / "manager.conf").read_text(), re.MULTILINE))
    assert set(rights["write"].split(",")) == {"reporting"}
    assert set(rights["read"].split(",")) == {"system", "user"}
    assert "live_dangerously = no" in (SWITCH_TEMPLATES / "asterisk.conf").read_text()


def test_both_control_ports_listen_on_loopback_only() -> None:
    for name in ("manager.conf", "http.conf"):
        assert "bindaddr=127.0.0.1" in (SWITCH_TEMPLATES / name).read_text().splitlines()
