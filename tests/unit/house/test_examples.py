"""What the guide tells people to type is well-formed: shell, manifests, patches."""

from __future__ import annotations

import json
import re
import subprocess
import textwrap
from typing import Any

import pytest
import yaml

from tests.unit.house.tree import texts
from watchkeeper.api.v1alpha1 import KINDS

SHELL = re.compile(r"^[ ]*```sh\n(.*?)^[ ]*```$", re.MULTILINE | re.DOTALL)
HEREDOC = re.compile(r"<<'YAML'\n(.*?)\nYAML$", re.MULTILINE | re.DOTALL)
MERGE = re.compile(r"--type merge\s+(?:\\\n\s*)?-p '([^']+)'")
BY_NAME = {kind.__name__: kind for kind in KINDS}


def _blocks() -> list[tuple[str, str]]:
    documents = {name: text for name, text in texts().items() if name.startswith(("docs/guide/", "README.md"))}
    return [(name, textwrap.dedent(block)) for name, text in documents.items() for block in SHELL.findall(text)]


def _inside(part: Any, whole: Any) -> bool:
    """Whether everything in `part` is in `whole`: a field that the model does not know would be missing there."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and _inside(part[key], whole[key]) for key in part)
    return bool(part == whole)


@pytest.mark.parametrize("name", sorted({name for name, _ in _blocks()}))
def test_commands_are_shell(name: str) -> None:
    for where, block in _blocks():
        if where == name:
            run = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, timeout=10, check=False)
            assert run.returncode == 0, f"{block}\n{run.stderr}"


def test_manifests_fit_the_models() -> None:
    found = [yaml.safe_load(text) for _, block in _blocks() for text in HEREDOC.findall(block)]
    assert {manifest["kind"] for manifest in found} == {"Subject", "ActionProposal", "StandingChange"}
    for manifest in found:
        if manifest["kind"] == "ActionProposal":
            manifest["spec"].setdefault("proposedBy", "filled in by the API server")
        resource = BY_NAME[manifest["kind"]].model_validate(manifest)
        assert _inside(manifest["spec"], resource.wire()["spec"]), manifest


def test_patches_are_fields_of_a_spec() -> None:
    found = [json.loads(text) for _, block in _blocks() for text in MERGE.findall(block)]
    assert len(found) >= 6
    fields = {field.alias for kind in KINDS for field in kind.model_fields["spec"].annotation.model_fields.values()}  # type: ignore[union-attr]  # every kind's spec is a model
    assert {name for patch in found for name in patch["spec"]} <= fields
