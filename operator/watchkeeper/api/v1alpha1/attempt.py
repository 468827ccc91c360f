"""One attempt to write to a database: of a proposal, or of the release of a standing change."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from watchkeeper.api.v1alpha1.meta import MAX_INTEGER, ApiModel, Count, FreeObject, Timestamp


class AttemptState(StrEnum):
    """How far an attempt came."""

    INTENDED = "Intended"
    SENT = "Sent"
    NOT_SENT = "NotSent"


class AttemptOutcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    UNKNOWN = "Unknown"


class Answer(ApiModel):
    """What the database answered to the write."""

    status: int = Field(ge=0, le=999, description="HTTP status; 0 when no answer came.")
    text: str = Field(max_length=1024, description="The answer's text, cut.")


class DatabaseRequest(ApiModel):
    """The write as it left: read from the request that was sent, not from the plan."""

    endpoint: str = Field(max_length=253, description="Host and port of the member that it was sent to.")
    method: str = Field(max_length=16, description="HTTP method.")
    path: str = Field(max_length=512, description="Path of the URL.")
    query: str = Field(default="", max_length=512, description="Query of the URL; it carries the operation key.")
    body: str = Field(default="", max_length=1024, description="Body, cut.")


class PolicyVersion(ApiModel):
    """Which OperatorPolicy was obeyed."""

    uid: str = Field(max_length=64, description="Its uid.")
    generation: Count = Field(description="Its generation: the version of its spec.")
    resource_version: str = Field(max_length=64, description="Its resourceVersion when it was read.")


class Verification(ApiModel):
    """How the look at the effect stands."""

    effect_seen_time: Timestamp | None = Field(
        default=None, description="When the effect was first seen; it must hold for settleSeconds."
    )
    progress: str = Field(default="", max_length=256, description="The last reading, such as 12 leaders left.")
    progress_time: Timestamp | None = Field(default=None, description="When the reading last moved.")
    end_time: Timestamp | None = Field(default=None, description="When waiting ends.")


class Attempt(ApiModel):
    """One attempt: its intent is durable before the write, its outcome recorded after."""

    number: int = Field(ge=1, le=MAX_INTEGER, description="Counts up over the whole proposal; never used again.")
    step: int = Field(ge=0, le=15, description="Index of the step in the plan.")
    operation_key: str = Field(max_length=128, description="uid/step/attempt: also in the query string of the write.")
    holder: str = Field(max_length=253, description="The operator process that claimed it.")
    state: AttemptState = Field(description="Intended, Sent or NotSent.")
    intent_time: Timestamp = Field(description="When the claim was written.")
    deadline_time: Timestamp = Field(description="No write starts after this.")
    before: FreeObject = Field(description="What the database looked like before.")
    policy: PolicyVersion | None = Field(
        default=None, description="The policy that allowed it; absent for the release of a standing change."
    )
    sent_time: Timestamp | None = Field(default=None, description="When the answer was recorded.")
    request: DatabaseRequest | None = Field(default=None, description="The write as it was sent.")
    answer: Answer | None = Field(default=None, description="What the database answered.")
    recovered: bool = Field(default=False, description="The outcome was found by reading after a crash.")
    verification: Verification | None = Field(default=None, description="How the look at the effect stands.")
    outcome: AttemptOutcome | None = Field(default=None, description="Succeeded, Failed or Unknown.")
    outcome_time: Timestamp | None = Field(default=None, description="When the outcome was recorded.")
    reason: str = Field(default="", max_length=64, description="Why, as one CamelCase word.")
    message: str = Field(default="", max_length=1024, description="Why, as a sentence.")
