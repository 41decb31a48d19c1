"""What job logs call outcomes and failure reasons, as codes of the contract's closed lists.

Data to be read and added to: a site adds its own words in its settings.
"""

from __future__ import annotations

import re

_SAID_OF = {
    "succeeded": ("success", "succeeded", "successful", "completed", "complete", "done", "finished", "ok", "passed"),
    "failed": (
        *("failed", "failure", "error", "errored", "crashed", "upstream failed", "timeout", "timed out", "time out"),
        *("oom killed", "oomkilled", "out of memory", "node fail", "dead"),
    ),
    "cancelled": ("cancelled", "canceled", "aborted", "skipped", "removed", "revoked", "stopped", "terminated", "deleted"),
    "running": (
        *("running", "started", "in progress", "processing", "active", "queued", "pending", "scheduled", "submitted", "created"),
        *("waiting", "accepted", "retry", "retrying", "up for retry", "up for reschedule", "restarting", "deferred"),
    ),
}
OUTCOMES = {word: outcome for outcome, words in _SAID_OF.items() for word in words}

# The first code with a word that the text holds decides; words as `words_of` gives them.
_SAID_OF_REASON = {
    "out_of_memory": "out of memory, oom, oomkilled, outofmemoryerror, memoryerror, cannot allocate memory, exit code 137",
    "out_of_time": "timeout, timed out, time out, timeouterror, time limit, deadline, out of time, took too long",
    "missing_input": "no such file, not found, filenotfounderror, missing, no input, no images, no series, empty folder",
    "infrastructure": (
        "connection, network, no space left, disk full, disk quota, evicted, node fail, node lost, preempted, cuda driver, "
        "no gpu, no cuda, gpu unavailable, permission denied, image pull, imagepullbackoff, infrastructure, broken pipe, "
        "i o error, input output error, service unavailable, unreachable"
    ),
    "bad_input": (
        "bad input, invalid, corrupt, corrupted, malformed, unsupported, mismatch, cannot read, cannot decode, not a dicom, "
        "unexpected shape, inconsistent, truncated, decode error"
    ),
    "model_error": "model error, runtimeerror, assertionerror, valueerror, exception, traceback, segmentation fault, nan",
}
REASONS = {code: tuple(words.split(", ")) for code, words in _SAID_OF_REASON.items()}

LONGEST_TEXT = 2000
_NO_WORD = re.compile(r"[^a-z0-9]+")


def words_of(text: str) -> str:
    """`text` as lower-case words with one blank between them."""
    return _NO_WORD.sub(" ", text[:LONGEST_TEXT].lower()).strip()


def failure_reason(text: str) -> str:
    """The code for a text that says why; "other" for one that says nothing known."""
    said = words_of(text)
    if said.replace(" ", "_") in REASONS:
        return said.replace(" ", "_")
    padded = f" {said} "
    return next((code for code, words in REASONS.items() if any(f" {word} " in padded for word in words)), "other")
