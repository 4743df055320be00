"""docker/compose.yaml agrees with the images, the entry points and the settings it names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dialer.settings import Settings

pytestmark = pytest.mark.unit

_DOCKER = Path(__file__).resolve().parents[3] / "docker"


def _parse(lines: list[tuple[int, str]], indent: int) -> Any:
    """The part of YAML that compose.yaml keeps to: maps and lists by indentation, plain scalars."""
    if lines[0][1].startswith("- "):
        return [text[2:] for depth, text in lines if depth == indent]
    result: dict[str, Any] = {}
    for place, (depth, text) in enumerate(lines):
        if depth != indent:
            continue
        key, _, value = text.partition(":")
        inner = []
        for line in lines[place + 1 :]:
            if line[0] <= indent:
                break
            inner.append(line)
        result[key] = _parse(inner, inner[0][0]) if inner else value.strip().strip('"')
    return result


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    kept = [line for line in (_DOCKER / "compose.yaml").read_text().splitlines() if line.split("#")[0].strip()]
    assert not any("\t" in line for line in kept)
    parsed = _parse([(len(line) - len(line.lstrip()), line.strip()) for line in kept], 0)
    assert isinstance(parsed, dict)
    return parsed


def test_three_services_in_their_order(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services.keys() == {"postgres", "asterisk", "dialer"}
    assert {name: on["condition"] for name, on in services["dialer"]["depends_on"].items()} == {
        "postgres": "service_healthy",
        "asterisk": "service_healthy",
    }
    assert "healthcheck" in services["postgres"]
    assert "HEALTHCHECK" in (_DOCKER / "Dockerfile").read_text()


def test_every_target_is_a_stage_of_the_dockerfile(compose: dict[str, Any]) -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", (_DOCKER / "Dockerfile").read_text(), re.MULTILINE))
    targets = {service["build"]["target"] for service in compose["services"].values() if "build" in service}
    assert targets == stages


def test_every_secret_and_volume_that_is_used_is_declared_and_made(compose: dict[str, Any]) -> None:
    services = compose["services"].values()
    used = {name for service in services for name in service.get("secrets", [])}
    assert used == compose["secrets"].keys()
    made = re.search(r"^for name in (.*); do", (_DOCKER / "make-secrets.sh").read_text(), re.MULTILINE)
    assert made is not None
    assert set(made[1].split()) == used
    mounted = {mount.split(":")[0] for service in services for mount in service.get("volumes", [])}
    assert mounted == compose["volumes"].keys()


def test_the_switch_reads_what_compose_tells_it(compose: dict[str, Any]) -> None:
    script = (_DOCKER / "switch-entrypoint.sh").read_text()
    for name in compose["services"]["asterisk"]["environment"]:
        assert re.search(rf"\${{?{name}\b", script), name


def test_the_engine_has_the_settings_that_compose_names(compose: dict[str, Any]) -> None:
    names = {name.removeprefix("DIALER_").lower() for name in compose["services"]["dialer"]["environment"]}
    assert names <= Settings.model_fields.keys()


def test_both_sides_share_the_spool_under_one_path(compose: dict[str, Any]) -> None:
    services = compose["services"]
    path = services["dialer"]["environment"]["DIALER_SPOOL_DIR"].removesuffix("/monitor")
    assert str(Settings.model_fields["spool_dir"].default) == f"{path}/monitor"
    for name in ("asterisk", "dialer"):
        assert f"spool:{path}" in services[name]["volumes"]
    assert f"DIALER_SWITCH_SPOOL:-{path}}}" in (_DOCKER / "switch-entrypoint.sh").read_text()


def test_nothing_is_published_beyond_loopback(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
