"""Exit codes: what a script can rely on."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    ERROR = 1
    USAGE = 2
    NOT_ALLOWED = 3
    NOT_FOUND = 4
    REFUSED = 5
    NOT_CONFIRMED = 6
    BAD_OUTCOME = 7
    TIME_OVER = 8
    NOT_VERIFIED = 9


MEANINGS: dict[Exit, str] = {
    Exit.OK: "done, or nothing had to be done",
    Exit.ERROR: "the API server cannot be reached, or failed",
    Exit.USAGE: "the command line or the kubeconfig is wrong",
    Exit.NOT_ALLOWED: "you may not do this",
    Exit.NOT_FOUND: "there is no such object, or its kind is not installed",
    Exit.REFUSED: "refused: invalid, too late, or against the rules of this object",
    Exit.NOT_CONFIRMED: "not confirmed: no terminal and no --yes, no digest where one must be given, or the answer was no",
    Exit.BAD_OUTCOME: "with --wait: the proposal ended otherwise than Completed",
    Exit.TIME_OVER: "with --wait: it had not ended when the time was over",
    Exit.NOT_VERIFIED: "audit verify: a record was altered, removed, moved or cut off, or a checkpoint is not to be believed",
}
"""What each code means, for `--help` and the reference."""


class Failure(Exception):
    """A command ends here; `lines` go to the error stream, the first says what is wrong, the others what to do next."""

    def __init__(self, code: Exit, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.code = code
        self.lines = lines
