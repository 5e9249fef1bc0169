"""Exit codes that scripts can rely on, beside 0 for success."""

from __future__ import annotations

#: The server refused, or something else went wrong.
FAILED = 1
#: The command or a setting was written wrongly.
USAGE = 2
#: There was no message within the time allowed.
NOTHING_CAME = 3
#: The server could not be reached, or did not answer.
UNREACHABLE = 4
#: Ended by Ctrl-C before it was done, as shells have it.
INTERRUPTED = 130

_BY_CODE = {
    "connection_failed": UNREACHABLE,
    "connection_lost": UNREACHABLE,
    "server_unreachable": UNREACHABLE,
    "invalid_setting": USAGE,
    "invalid_url": USAGE,
    "invalid_option": USAGE,
    "invalid_queue_name": USAGE,
    "gateway_reply": UNREACHABLE,
}

HELP = (
    "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 no message came, 4 no server there, "
    "130 ended by Ctrl-C before it was done, 143 ended by SIGTERM."
)


def exit_code_of(code: str) -> int:
    """Return the exit code for an error of ZoldyQ with this code."""
    return _BY_CODE.get(code, FAILED)
