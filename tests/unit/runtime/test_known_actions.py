"""The actions that a policy may name, with the plug-ins that are installed; and that the samples name no others."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from watchkeeper.api.v1alpha1 import OperatorPolicy
from watchkeeper.domain.sense import nonsense
from watchkeeper.runtime.composition import known_actions, plugins

SAMPLES = sorted((Path(__file__).parents[3] / "manifests" / "samples").glob("policy-*.yaml"))


def test_every_action_and_tool_is_known_and_which_is_an_undo() -> None:
    known = known_actions(plugins())
    assert known.actions >= {"drain-store", "undrain-store", "transfer-leader", "transfer-peer", "wait", "log-message"}
    assert known.undos == {"undrain-store"}


@pytest.mark.parametrize("path", SAMPLES, ids=[path.stem for path in SAMPLES])
def test_the_sample_makes_sense(path: Path) -> None:
    policy = OperatorPolicy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert nonsense(policy.spec, known_actions(plugins())) == []


def test_there_is_a_sample_with_everything() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in SAMPLES)
    for field in ("rules:", "windows:", "quorum:", "limits:", "freezeWindows:", "retentionSeconds:"):
        assert field in texts, field
