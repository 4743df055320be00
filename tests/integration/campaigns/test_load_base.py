from __future__ import annotations

import asyncio
import csv
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from campaigns.loading.load import LoadReport, LoadRequest, load_base
from campaigns.loading.mapping import Role
from campaigns.presets import preset
from domain.errors import BadInput, NotFound, Unavailable
from domain.ids import CampaignId
from domain.outcome import Temperature
from sql.bases import PgBaseStore

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


class FixedClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


async def campaign(pool: asyncpg.Pool, name: str = "august", rules: Mapping[str, Any] | None = None) -> CampaignId:
    client = await pool.fetchval(
        "INSERT INTO client (name) VALUES ('Bricks') ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id"
    )
    return CampaignId(
        await pool.fetchval(
            "INSERT INTO campaign (client_id, name, trunk, rules) VALUES ($1, $2, 'lab', $3) RETURNING id",
            client,
            name,
            preset("cold", rules).to_document(),
        )
    )


def base(folder: Path, content: str | bytes, name: str = "base.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


async def load(pool: asyncpg.Pool, path: Path, into: CampaignId, **changes: Any) -> LoadReport:
    request = LoadRequest(
        path=path,
        campaign=into,
        list_name="main",
        temperature=Temperature.WARM,
        loaded_by="maria",
        rejects_folder=path.parent / "rejects",
    )
    return await load_base(PgBaseStore(pool), FixedClock(), replace(request, **changes))


MIXED = """Имя;Телефон;Компания;Город;ИНН
Инна;8 900 111-22-33;Кирпич;Москва;77
Пётр;+7 (900) 111-22-33;Кирпич;Москва;78
Олег;8 900 111-22-34;;Екатеринбург;
Стоп;8 900 111-22-35;;Омск;
Зоя;8 900 111-22-36;;Атлантида;
Лев;12345678;;;
Ян;;;Омск;
=cmd;112;;;
"""


async def test_every_row_is_accepted_or_has_one_reason(pool: asyncpg.Pool, tmp_path: Path) -> None:
    into = await campaign(pool)
    await pool.execute("INSERT INTO dnc (e164, client_id, reason, added_by) VALUES (79001112235, NULL, 'law', 'ann')")
    report = await load(pool, base(tmp_path, MIXED), into)
    counts = report.counts
    assert (counts.rows, counts.accepted, counts.zone_unknown) == (8, 3, 1)
    assert counts.rejects == {
        "duplicate in file": 1,
        "do-not-call": 1,
        "phone too short": 1,
        "empty phone": 1,
        "emergency or short number": 1,
    }
    assert counts.rows == counts.accepted + sum(counts.rejects.values())
    leads = await pool.fetch(
        "SELECT state, priority, zones, person.name, company, city, extra, e164 FROM lead "
        "JOIN person ON person.id = person_id JOIN number ON number.id = lead.number_id "
        "LEFT JOIN zone_set ON zone_set.id = zone_set_id ORDER BY lead.id"
    )
    assert [(row["state"], row["zones"], row["name"], row["e164"]) for row in leads] == [
        ("queued", ["Europe/Moscow"], "Инна", 79001112233),
        ("queued", ["Asia/Yekaterinburg"], "Олег", 79001112234),
        ("blocked", None, "Зоя", 79001112236),
    ]
    assert (leads[0]["company"], leads[0]["city"], leads[0]["extra"]) == ("Кирпич", "Москва", {"ИНН": "77"})
    assert {row["priority"] for row in leads} == {2}


async def test_queue_and_hours_follow_the_leads(pool: asyncpg.Pool, tmp_path: Path) -> None:
    into = await campaign(pool)
    await load(pool, base(tmp_path, MIXED), into)
    queue = await pool.fetch(
        "SELECT priority, lead_id, number_id, needs_agent, promise_id FROM dial_queue ORDER BY lead_id"
    )
    assert [(row["priority"], row["needs_agent"], row["promise_id"]) for row in queue] == [(2, False, None)] * 3
    spans = await pool.fetch(
        "SELECT opens_at, closes_at FROM open_interval JOIN zone_set ON zone_set.id = zone_set_id "
        "WHERE campaign_id = $1 AND zones = ARRAY['Asia/Yekaterinburg'] ORDER BY opens_at",
        into,
    )
    # Monday 2 March, 13:00 in Yekaterinburg: the first span begins now.
    assert tuple(spans[0]) == (NOW, datetime(2026, 3, 2, 15, tzinfo=UTC))
    assert len(spans) == 11


async def test_the_file_of_rejects(pool: asyncpg.Pool, tmp_path: Path) -> None:
    report = await load(pool, base(tmp_path, MIXED), await campaign(pool))
    assert report.rejects_file is not None
    assert report.rejects_file.stat().st_mode & 0o077 == 0
    assert report.rejects_file.read_bytes().startswith(b"\xef\xbb\xbfline;reason;")
    with report.rejects_file.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))
    assert rows[0] == ["line", "reason", "Имя", "Телефон", "Компания", "Город", "ИНН"]
    assert [(row[0], row[1]) for row in rows[1:]] == [
        ("3", "duplicate in file"),
        ("7", "phone too short"),
        ("8", "empty phone"),
        ("9", "emergency or short number"),
    ]
    assert rows[1][3] == "'+7 (900) 111-22-33"
    assert rows[4][2] == "'=cmd"
    assert [path.name for path in report.rejects_file.parent.iterdir()] == [report.rejects_file.name]


async def test_the_same_content_twice_changes_nothing(pool: asyncpg.Pool, tmp_path: Path) -> None:
    into = await campaign(pool)
    first = await load(pool, base(tmp_path, MIXED), into)
    again = await load(pool, base(tmp_path, MIXED, "renamed.csv"), into, list_name="other")
    assert (first.already_loaded, again.already_loaded) == (False, True)
    assert again.counts == first.counts
    assert await pool.fetchval("SELECT count(*) FROM base") == 1
    assert await pool.fetchval("SELECT count(*) FROM lead") == 4
    assert await pool.fetchval("SELECT count(*) FROM list") == 1


async def test_the_same_file_in_parallel_is_one_base(pool: asyncpg.Pool, tmp_path: Path) -> None:
    into, path = await campaign(pool), base(tmp_path, MIXED)
    reports = await asyncio.gather(*(load(pool, path, into) for _ in range(4)))
    assert sorted(report.already_loaded for report in reports) == [False, True, True, True]
    assert len({report.counts.accepted for report in reports}) == 1
    assert await pool.fetchval("SELECT count(*) FROM lead") == 4


async def test_two_files_in_parallel_share_no_lead(pool: asyncpg.Pool, tmp_path: Path) -> None:
    into = await campaign(pool)
    numbers = "\n".join(f"7900{n:07d};Москва" for n in range(3000))
    reports = await asyncio.gather(
        load(pool, base(tmp_path, "phone;city\n" + numbers + "\n", "a.csv"), into),
        load(pool, base(tmp_path, "phone;city\n" + numbers + "\n79011111111;Москва\n", "b.csv"), into),
    )
    assert sorted(report.counts.accepted for report in reports) in ([0, 3001], [1, 3000])
    assert await pool.fetchval("SELECT count(*) FROM lead") == 3001
    assert await pool.fetchval("SELECT count(*) FROM dial_queue") == 3001


async def test_two_campaigns_in_parallel_share_numbers_and_persons(pool: asyncpg.Pool, tmp_path: Path) -> None:
    one, two = await campaign(pool, "one"), await campaign(pool, "two")
    rows = [f"7900{n:07d};Москва" for n in range(3000)]
    await asyncio.gather(
        load(pool, base(tmp_path, "phone;city\n" + "\n".join(rows), "a.csv"), one),
        load(pool, base(tmp_path, "phone;city\n" + "\n".join(reversed(rows)), "b.csv"), two),
    )
    assert await pool.fetchval("SELECT count(*) FROM number") == 3000
    assert await pool.fetchval("SELECT count(*) FROM person") == 3000
    assert await pool.fetchval("SELECT count(*) FROM lead") == 6000


async def test_a_later_base_rejects_leads_the_campaign_has(pool: asyncpg.Pool, tmp_path: Path) -> None:
    into = await campaign(pool)
    await load(pool, base(tmp_path, "phone;name;note\n79001112233;Инна;a\n", "a.csv"), into, default_zone="МСК")
    later = await load(
        pool,
        base(tmp_path, "phone;name;more\n79001112233;;b\n79001112234;Олег;\n", "b.csv"),
        into,
        default_zone="МСК",
        list_name="second",
    )
    assert later.counts.rejects == {"already in campaign": 1}
    assert later.counts.accepted == 1


async def test_a_person_keeps_what_a_later_file_leaves_out(pool: asyncpg.Pool, tmp_path: Path) -> None:
    one, two = await campaign(pool, "one"), await campaign(pool, "two")
    await load(pool, base(tmp_path, "phone;name;note\n79001112233;Инна;a\n", "a.csv"), one)
    await load(pool, base(tmp_path, "phone;name;more\n79001112233;;b\n", "b.csv"), two)
    person = await pool.fetchrow("SELECT name, extra FROM person")
    assert (person["name"], person["extra"]) == ("Инна", {"note": "a", "more": "b"})


async def test_windows_1251_as_a_spreadsheet_saves_it(pool: asyncpg.Pool, tmp_path: Path) -> None:
    into = await campaign(pool)
    report = await load(pool, base(tmp_path, MIXED.replace("\n", "\r\n").encode("cp1251")), into)
    assert report.facts.encoding == "cp1251"
    assert await pool.fetchval("SELECT name FROM person ORDER BY id LIMIT 1") == "Инна"


async def test_a_default_zone_is_recorded_and_unblocks(pool: asyncpg.Pool, tmp_path: Path) -> None:
    report = await load(pool, base(tmp_path, MIXED), await campaign(pool), default_zone="UTC+3")
    assert report.counts.zone_unknown == 0
    row = await pool.fetchrow("SELECT default_zone, loaded_by, row_count, accepted_count FROM base")
    assert tuple(row) == ("Etc/GMT-3", "maria", 8, 4)


async def test_a_dry_run_counts_and_leaves_nothing(pool: asyncpg.Pool, tmp_path: Path) -> None:
    into, path = await campaign(pool), base(tmp_path, MIXED)
    dry = await load(pool, path, into, dry_run=True)
    assert await pool.fetchval("SELECT count(*) FROM base") == 0
    assert await pool.fetchval("SELECT count(*) FROM number") == 0
    assert (await load(pool, path, into)).counts == dry.counts


async def test_a_file_that_breaks_half_way_leaves_nothing(pool: asyncpg.Pool, tmp_path: Path) -> None:
    into = await campaign(pool)
    rows = "phone,note\n" + "".join(f"7900{n:07d},x\n" for n in range(5000))
    path = base(tmp_path, rows + '79009999999,"never closed\n' + "79009999998,x\n" * 100)
    with pytest.raises(BadInput, match="line 5002"):
        await load(pool, path, into)
    assert await pool.fetchval("SELECT count(*) FROM base") == 0
    assert await pool.fetchval("SELECT count(*) FROM number") == 0
    assert await pool.fetchval("SELECT count(*) FROM base_reject") == 0


async def test_rejects_that_cannot_be_written_undo_the_load(pool: asyncpg.Pool, tmp_path: Path) -> None:
    into = await campaign(pool)
    with pytest.raises(BadInput, match="another folder"):
        await load(pool, base(tmp_path, MIXED), into, rejects_folder=base(tmp_path, "x", "a-file") / "below")
    assert await pool.fetchval("SELECT count(*) FROM lead") == 0


async def test_a_connection_that_dies_during_the_load_leaves_nothing(
    pool: asyncpg.Pool, database: str, tmp_path: Path
) -> None:
    into = await campaign(pool)
    path = base(tmp_path, "phone;city\n" + "".join(f"7900{n:07d};Москва\n" for n in range(10_000)))
    killer = await asyncpg.connect(database)
    killing: list[asyncio.Task[Any]] = []

    def kill(lines: int, _total: int) -> None:
        if not killing:
            killing.append(
                asyncio.create_task(
                    killer.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE pid <> pg_backend_pid() AND datname = current_database()"
                    )
                )
            )

    request = LoadRequest(path, into, "main", Temperature.COLD, "maria", tmp_path)
    try:
        with pytest.raises(Unavailable):
            await load_base(PgBaseStore(pool), FixedClock(), request, kill)
        await asyncio.gather(*killing)
        assert await killer.fetchval("SELECT count(*) FROM base") == 0
        assert await killer.fetchval("SELECT count(*) FROM number") == 0
    finally:
        await killer.close()
    assert (await load(pool, path, into)).counts.accepted == 10_000


async def test_a_million_of_the_same_number_is_one_lead(pool: asyncpg.Pool, tmp_path: Path) -> None:
    report = await load(pool, base(tmp_path, "phone;city\n" + "79001112233;Москва\n" * 20_000), await campaign(pool))
    assert (report.counts.accepted, report.counts.rejects) == (1, {"duplicate in file": 19_999})


async def test_hostile_cells_are_only_data(pool: asyncpg.Pool, tmp_path: Path) -> None:
    names = ["'; DROP TABLE lead;--", "x\\r\\nAction: Originate", "${SHELL(id)}", "<script>", "\\N", "\t\\."]
    rows = "phone,name\n" + "".join(f'7900111220{i},"{name}"\n' for i, name in enumerate(names))
    await load(pool, base(tmp_path, rows), await campaign(pool), default_zone="МСК")
    found = await pool.fetch("SELECT name FROM person ORDER BY id")
    assert [row["name"] for row in found] == [name.strip() for name in names]


async def test_flags(pool: asyncpg.Pool, tmp_path: Path) -> None:
    into, path = await campaign(pool), base(tmp_path, "a,b\n79001112233,79001112234\n")
    await load(pool, path, into, columns={Role.PHONE: "b"}, default_zone="МСК")
    assert await pool.fetchval("SELECT e164 FROM number") == 79001112234
    for wrong in ({"default_zone": "Atlantis"}, {"default_country": "ru"}, {"columns": {Role.NAME: "c"}}):
        with pytest.raises(BadInput):
            await load(pool, path, into, **wrong)
    with pytest.raises(NotFound):
        await load(pool, path, CampaignId(999))


async def test_a_list_keeps_its_temperature(pool: asyncpg.Pool, tmp_path: Path) -> None:
    into = await campaign(pool)
    await load(pool, base(tmp_path, "phone\n79001112233\n", "a.csv"), into)
    with pytest.raises(BadInput, match="warm"):
        await load(pool, base(tmp_path, "phone\n79001112234\n", "b.csv"), into, temperature=Temperature.HOT)
    await load(
        pool, base(tmp_path, "phone\n79001112234\n", "b.csv"), into, temperature=Temperature.HOT, list_name="hot"
    )
    assert await pool.fetchval("SELECT count(*) FROM base") == 2


async def test_progress_never_goes_back_and_ends_at_the_end(pool: asyncpg.Pool, tmp_path: Path) -> None:
    path = base(tmp_path, "phone;city\n" + "".join(f"7900{n:07d};Москва\n" for n in range(5000)))
    seen: list[tuple[int, int]] = []
    request = LoadRequest(path, await campaign(pool), "main", Temperature.COLD, "maria", tmp_path)
    await load_base(PgBaseStore(pool), FixedClock(), request, lambda done, total: seen.append((done, total)))
    assert seen == [(2001, 5001), (4001, 5001), (5001, 5001)]


async def test_the_session_keeps_its_limits_after_a_load(pool: asyncpg.Pool, tmp_path: Path) -> None:
    await load(pool, base(tmp_path, MIXED), await campaign(pool))
    for _ in range(pool.get_size()):
        assert await pool.fetchval("SHOW statement_timeout") != "0"
