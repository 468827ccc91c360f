"""`audit verify`, `audit export` and `audit keygen`, as people and scripts see them."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from syrupy.assertion import SnapshotAssertion

from tests.unit.cli.conftest import Run
from tests.unit.cli.server import MemoryServer
from watchkeeper.domain.audit.chain import Chain
from watchkeeper.domain.audit.checkpoint import SigningKey, new_key
from watchkeeper.domain.audit.export import csv_row
from watchkeeper.domain.audit.record import Actor, ActorKind, Fact, RecordType
from watchkeeper.domain.audit.verify import verify
from watchkeeper.errors import Denied

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
PRIVATE, PUBLIC = new_key()
BOB = Actor(ActorKind.USER, "bob")


class Folder:
    """A stream of six records in a file, its checkpoints and the public key."""

    def __init__(self, path: Path) -> None:
        chain = Chain("aaaa")
        about = {"kind": "ActionProposal", "namespace": "shop", "name": "move", "uid": "u-1"}
        facts = [
            Fact("aaaa/ChainStarted", RecordType.CHAIN_STARTED, NOW, BOB),
            *(
                Fact(
                    f"u-1/{number}",
                    RecordType.DECISION_SEEN,
                    NOW + timedelta(hours=number),
                    BOB,
                    about,
                    {"decision": "Approved", "why": why, "approvers": ["bob", "eve"]},
                )
                for number, why in enumerate(["=1+1", "@SUM(A1)", 'two\nlines, "quoted"', "-1", "plain"], 1)
            ),
        ]
        self.lines = [chain.seal(fact, NOW + timedelta(hours=number)) for number, fact in enumerate(facts)]
        self.stream = path / "audit.jsonl"
        self.write(self.lines)
        self.key = path / "public.pem"
        self.key.write_bytes(PUBLIC)
        signed = SigningKey(PRIVATE).sign(chain.head, now=NOW + timedelta(hours=6), complete=NOW)
        self.checkpoints = path / "checkpoints.yaml"
        self.kept = {"aaaa": json.dumps(signed)}
        self.keep(self.kept)

    def write(self, lines: list[bytes]) -> None:
        self.stream.write_bytes(b"".join(lines))

    def keep(self, data: dict[str, str]) -> None:
        self.checkpoints.write_text(yaml.safe_dump({"kind": "ConfigMap", "data": data}))

    @property
    def arguments(self) -> list[str]:
        return [
            "audit",
            "verify",
            str(self.stream),
            "--public-key",
            str(self.key),
            "--checkpoints",
            str(self.checkpoints),
        ]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_good_stream(folder: Folder, run: Run) -> None:
    found = run(MemoryServer(), *folder.arguments)
    assert found.exit_code == 0
    assert found.stdout == "6 records in 1 chain, 0 repeated, 1 checkpoints compared: good\n"


def _altered(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[2].replace(b"bob", b"eve"), *lines[3:]]


DAMAGE: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "altered": _altered,
    "removed": lambda lines: [*lines[:2], *lines[3:]],
    "reordered": lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]],
    "truncated": lambda lines: lines[:4],
    "emptied": lambda lines: [],
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(name: str, folder: Folder, run: Run, snapshot: SnapshotAssertion) -> None:
    folder.write(DAMAGE[name](folder.lines))
    found = run(MemoryServer(), *folder.arguments)
    assert found.exit_code == 9
    assert f"{found.stdout}--- errors\n{found.stderr}" == snapshot


def test_as_json(folder: Folder, run: Run, snapshot: SnapshotAssertion) -> None:
    folder.write(DAMAGE["removed"](folder.lines))
    found = run(MemoryServer(), *folder.arguments, "--json")
    assert found.exit_code == 9
    said = json.loads(found.stdout)
    assert (said["good"], said["records"]) == (False, 5)
    assert said["findings"] == snapshot


def test_a_forged_checkpoint_is_an_error(folder: Folder, run: Run) -> None:
    forged = json.loads(folder.kept["aaaa"]) | {"seq": 3, "count": 3}
    folder.keep({"aaaa": json.dumps(forged)})
    found = run(MemoryServer(), *folder.arguments)
    assert found.exit_code == 9
    assert "its signature is not good" in found.stdout


def test_no_checkpoint_at_all_is_an_error(folder: Folder, run: Run) -> None:
    folder.keep({})
    found = run(MemoryServer(), *folder.arguments)
    assert found.exit_code == 9
    assert "has no checkpoint" in found.stdout
    without = run(MemoryServer(), "audit", "verify", str(folder.stream), "--without-checkpoints")
    assert without.exit_code == 0
    assert "checkpoints not asked for" in without.stdout


def test_what_cannot_be_seen_without_checkpoints_is_said(folder: Folder, run: Run) -> None:
    """A stream whose end was cut off passes for good then."""
    lines = folder.stream.read_text().splitlines(keepends=True)
    folder.stream.write_text("".join(lines[:-1]))
    found = run(MemoryServer(), "audit", "verify", str(folder.stream), "--without-checkpoints")
    assert found.exit_code == 0
    assert "neither a cut end nor a chain that was made anew can be seen so" in found.stderr
    assert "can be seen so" not in run(MemoryServer(), *folder.arguments).output


def test_checkpoints_of_the_cluster_and_a_stream_on_standard_input(folder: Folder, run: Run) -> None:
    class Server(MemoryServer):
        async def request(self, method: str, path: str, *_: Any, **__: Any) -> dict[str, Any]:
            assert (method, path) == ("GET", "/api/v1/namespaces/ops/configmaps/watchkeeper-audit-checkpoints")
            return {"data": folder.kept}

    words = ("audit", "verify", "--public-key", str(folder.key), "--operator-namespace", "ops")
    found = run(Server(), *words, input=b"".join(folder.lines))
    assert (found.exit_code, found.stderr) == (0, "")
    assert "1 checkpoints compared: good" in found.stdout


def test_who_may_not_read_the_checkpoints_is_told_how(folder: Folder, run: Run) -> None:
    class Closed(MemoryServer):
        async def request(self, method: str, path: str, *_: Any, **__: Any) -> dict[str, Any]:
            why = 'User "al" cannot get resource "configmaps" in API group "" in the namespace "ops"'
            raise Denied(f"{method} {path}: {why}")

    found = run(Closed(), "audit", "verify", str(folder.stream), "--public-key", str(folder.key))
    assert found.exit_code == 3
    assert "ask for Role watchkeeper-auditor in namespace ops" in found.stderr
    assert "--checkpoints FILE" in found.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["audit", "verify", "x"], "--public-key is missing"),
        (["audit", "verify", "/nowhere", "--without-checkpoints"], "cannot be read"),
        (["audit", "export", "/nowhere"], "cannot be read"),
        (["audit", "export", "--since", "yesterday"], "is no time"),
    ],
)
def test_a_wrong_command_line(arguments: list[str], said: str, folder: Folder, run: Run) -> None:
    where = ["--checkpoints", str(folder.checkpoints)] if "x" in arguments else []
    found = run(MemoryServer(), *arguments, *where)
    assert found.exit_code == 2
    assert said in found.stderr


def test_an_export_is_a_period_in_the_lines_as_they_are(folder: Folder, run: Run) -> None:
    folder.write([*folder.lines, folder.lines[3]])
    words = ("audit", "export", str(folder.stream), "--since", "2026-11-21T10:00:00Z", "--until", "2026-11-21T12:00Z")
    found = run(MemoryServer(), *words)
    assert found.exit_code == 0
    assert found.stdout.encode() == b"".join(folder.lines[2:4])
    assert found.stderr == "2 records\n"
    assert verify(found.stdout.encode().splitlines()).records == 2


def test_an_export_as_csv_has_no_formulas(folder: Folder, run: Run, snapshot: SnapshotAssertion) -> None:
    found = run(MemoryServer(), "audit", "export", str(folder.stream), "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(found.stdout)))
    assert [row["why"] for row in rows] == ["", "'=1+1", "'@SUM(A1)", 'two\\x0alines, "quoted"', "'-1", "plain"]
    assert {row["approvers"] for row in rows[1:]} == {"bob eve"}
    assert not any(value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values())
    assert found.stdout.splitlines()[0] == snapshot


@pytest.mark.parametrize("text", ["=1+1", " =cmd|' /C calc'!A0", "\uff1dcmd", "\uff20SUM(1)", "\t=1", "+1", "-1", "@x"])
def test_no_spreadsheet_calculates_what_somebody_wrote(text: str) -> None:
    assert next(csv.reader([csv_row([text, [text, "b"], 7])])) == [f"'{text}", f"'{text} b", "7"]


@pytest.mark.parametrize(
    ("since", "until", "count"),
    [
        ("2026-11-21T10:00:00Z", "2026-11-21T12:00Z", 2),
        ("2026-11-21T12:00:00+02:00", "2026-11-21T14:00:00+02:00", 2),
        ("2026-11-21T05:00:00-05:00", "2026-11-21T07:00:00-05:00", 2),
        ("2026-11-21T10:00:00.001Z", "2026-11-21T12:00Z", 1),
        ("2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z", 0),
    ],
)
def test_a_period_begins_with_its_moment_and_ends_before_it(
    since: str, until: str, count: int, folder: Folder, run: Run
) -> None:
    found = run(MemoryServer(), "audit", "export", str(folder.stream), "--since", since, "--until", until)
    assert found.stderr == f"{count} records\n"


def test_a_line_without_an_end_is_not_read_in_one_go(folder: Folder, run: Run) -> None:
    """Who can write the file must not be able to fill the auditor's memory."""
    folder.write([*folder.lines, b"x" * 3_000_000])
    found = run(MemoryServer(), *folder.arguments)
    assert found.exit_code == 0
    assert found.stdout.count("no audit record") == 12


def test_a_day_begins_at_midnight_utc(folder: Folder, run: Run) -> None:
    found = run(MemoryServer(), "audit", "export", str(folder.stream), "--since", "2026-11-22")
    assert found.stdout == ""


def test_a_key_is_made_once_and_its_public_half_is_kept(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "public.pem"
    made = run(MemoryServer(), "audit", "keygen", "--public-key", str(file))
    assert made.exit_code == 0
    secret = yaml.safe_load(made.stdout)
    assert (secret["metadata"]["name"], secret["metadata"]["namespace"]) == (
        "watchkeeper-audit-key",
        "watchkeeper-system",
    )
    key = SigningKey(base64.b64decode(secret["data"]["ed25519.pem"]))
    assert key.public.public_bytes_raw() == _raw(file.read_bytes())
    assert "PRIVATE" not in made.stderr + file.read_text()
    assert run(MemoryServer(), "audit", "keygen", "--public-key", str(file)).exit_code == 2


def _raw(pem: bytes) -> bytes:
    from watchkeeper.domain.audit.checkpoint import public_key

    return public_key(pem).public_bytes_raw()
