"""`audit`: check the audit stream, give a period of it, make the key that its checkpoints are signed with."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
import yaml

from watchkeeper.admission.identity import NAMESPACE as OPERATOR_NAMESPACE
from watchkeeper.cli.commands import command
from watchkeeper.cli.exits import Exit, Failure
from watchkeeper.cli.options import OperatorNamespace
from watchkeeper.cli.plaintext import plain, to_json, to_yaml
from watchkeeper.cli.session import Session
from watchkeeper.errors import Invalid

STDIN = Path("-")

Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE...", help="The stream, oldest file first; none or - is standard input."),
]
PublicKeys = Annotated[
    list[Path] | None,
    typer.Option("--public-key", metavar="FILE", help="Public key in PEM; repeat it for keys of earlier times."),
]
CheckpointFile = Annotated[
    Path | None,
    typer.Option(
        "--checkpoints",
        metavar="FILE",
        help="The ConfigMap with the checkpoints, saved as JSON or YAML; default: read from the cluster.",
    ),
]
Without = Annotated[
    bool, typer.Option("--without-checkpoints", help="Check the chain alone: a cut end cannot be seen then.")
]
AsJson = Annotated[bool, typer.Option("--json", help="The findings as JSON.")]
Since = Annotated[str | None, typer.Option(help="From this moment or day on (RFC 3339, UTC).", metavar="TIME")]
Until = Annotated[str | None, typer.Option(help="Before this moment or day.", metavar="TIME")]


class ExportFormat(StrEnum):
    """Of an export."""

    JSONL = "jsonl"
    CSV = "csv"


async def verify(
    session: Session,
    files: Files = None,
    public_key: PublicKeys = None,
    checkpoints: CheckpointFile = None,
    without_checkpoints: Without = False,
    as_json: AsJson = False,
    operator_namespace: OperatorNamespace = OPERATOR_NAMESPACE,
) -> None:
    """Check that no record was altered, removed, moved or cut off; say which. Exit code 9 when something is wrong."""
    from watchkeeper.domain.audit.finding import Fault, Finding
    from watchkeeper.domain.audit.verify import verify as check

    if without_checkpoints:
        report = check(_lines(files))
    else:
        stored = _saved(checkpoints) if checkpoints else await _from_cluster(session, operator_namespace)
        believed, refused = _believed(stored, public_key or ())
        report = check(_lines(files), believed)
        report.findings += [Finding(Fault.CHECKPOINT, 0, problem) for problem in refused]
    if as_json:
        found = [
            {"fault": str(f.fault), "line": f.line, "message": f.message, "error": f.error} for f in report.findings
        ]
        heads = [head.wire() for head in report.chains.values()]
        counts = {"records": report.records, "repeated": report.repeated, "checkpoints": report.checkpoints}
        session.screen.text(to_json({"good": report.good, **counts, "chains": heads, "findings": found}))
    else:
        for finding in report.findings:
            where = f"line {finding.line}: " if finding.line else ""
            session.screen.text(plain(f"{'' if finding.error else 'note: '}{where}{finding.message}"))
        parts = [
            f"{report.records} records in {len(report.chains)} {'chain' if len(report.chains) == 1 else 'chains'}",
            f"{report.repeated} repeated",
            "checkpoints not asked for" if without_checkpoints else f"{report.checkpoints} checkpoints compared",
        ]
        session.screen.text(f"{', '.join(parts)}: {'good' if report.good else 'NOT AS IT WAS WRITTEN'}")
    if without_checkpoints:
        session.screen.note(
            "nothing signed was compared: neither a cut end nor a chain that was made anew can be seen so"
        )
    if not report.good:
        raise Failure(Exit.NOT_VERIFIED, "the audit stream is not as it was written")


async def export(
    session: Session,
    files: Files = None,
    since: Since = None,
    until: Until = None,
    format: Annotated[ExportFormat, typer.Option("--format", help="Of what is written.")] = ExportFormat.JSONL,  # noqa: A002 - the option's name
) -> None:
    """Write the records of a period to standard output, each once. Verify the stream first: an export proves nothing."""
    from watchkeeper.domain.audit import export as exporting

    begin, end = _moment("--since", since), _moment("--until", until)
    if format is ExportFormat.CSV:
        session.screen.text(exporting.csv_row(exporting.COLUMNS))
    count = 0
    for line, record in exporting.period(_lines(files), since=begin, until=end):
        text = exporting.csv_row(exporting.csv_values(record)) if format is ExportFormat.CSV else line.decode()
        session.screen.text(text)
        count += 1
    session.screen.note(f"{count} records")


async def keygen(
    session: Session,
    public_key: Annotated[Path, typer.Option("--public-key", metavar="FILE", help="Where the public key is written.")],
    operator_namespace: OperatorNamespace = OPERATOR_NAMESPACE,
) -> None:
    """Make a key for the checkpoints: its Secret goes to standard output (pipe it into kubectl create -f -), and nowhere else."""
    from watchkeeper.adapters.kubernetes.auditstate import KEY, KEY_FIELD
    from watchkeeper.domain.audit.checkpoint import new_key

    private, public = new_key()
    try:
        with public_key.open("xb") as file:
            file.write(public)
    except OSError as error:
        raise Failure(Exit.USAGE, f"{public_key} cannot be written: {error.strerror}") from error
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": KEY, "namespace": operator_namespace},
        "data": {KEY_FIELD: base64.b64encode(private).decode()},
    }
    session.screen.text(to_yaml(secret))
    session.screen.note(f"the public key is in {public_key}: give it to those who verify")


def _lines(files: Sequence[Path] | None) -> Iterator[bytes]:
    for path in files or (STDIN,):
        if path == STDIN:
            yield from _bounded(sys.stdin.buffer)
            continue
        try:
            with path.open("rb") as file:
                yield from _bounded(file)
        except OSError as error:
            raise Failure(Exit.USAGE, f"{path} cannot be read: {error.strerror}") from error


def _bounded(file: BinaryIO) -> Iterator[bytes]:
    """Its lines; one that is longer than any record comes in pieces, which are none."""
    from watchkeeper.domain.audit.verify import MAX_LINE

    while line := file.readline(MAX_LINE + 2):
        yield line


def _saved(path: Path) -> Mapping[str, str]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise Failure(Exit.USAGE, f"{path} cannot be read as JSON or YAML") from error
    data = found.get("data", {}) if isinstance(found, dict) and found.get("kind") == "ConfigMap" else None
    if not isinstance(data, dict):
        raise Failure(Exit.USAGE, f"{path} is no ConfigMap: save it with kubectl get configmap NAME -o yaml")
    return data


async def _from_cluster(session: Session, namespace: str) -> Mapping[str, str]:
    from watchkeeper.adapters.kubernetes.auditstate import KubernetesCheckpoints

    async with session.cluster() as cluster:
        return await KubernetesCheckpoints(cluster.server, namespace).read()


def _believed(stored: Mapping[str, str], files: Sequence[Path]) -> tuple[list[Any], list[str]]:
    """Checkpoints with a good signature, and what is wrong with the others."""
    from watchkeeper.domain.audit.checkpoint import checked, public_key

    if not files:
        raise Failure(
            Exit.USAGE, "--public-key is missing", "give the public key of the audit, or --without-checkpoints"
        )
    try:
        keys = [public_key(path.read_bytes()) for path in files]
    except OSError as error:
        raise Failure(Exit.USAGE, f"{error.filename} cannot be read: {error.strerror}") from error
    except Invalid as error:
        raise Failure(Exit.USAGE, error.message) from error
    believed, refused = [], []
    for chain, text in sorted(stored.items()):
        try:
            believed.append(checked(json.loads(str(text)), keys))
        except Invalid as error:
            refused.append(error.message)
        except (ValueError, AttributeError):
            refused.append(f"checkpoint {chain}: it is not JSON")
    return believed, refused


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Failure(
            Exit.USAGE, f"{option}: {text!r} is no time; such as 2026-11-21 or 2026-11-21T08:00:00Z"
        ) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


audit = typer.Typer(name="audit", help="The audit stream.", no_args_is_help=True)
for function in (verify, export, keygen):
    audit.command()(command(function))
