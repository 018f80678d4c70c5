"""What a person is told when a command cannot do its work: one line, and an exit status."""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
# 128 + SIGINT, as shells report it.
EXIT_INTERRUPTED = 130
# What the help of every command ends with.
EPILOG = "Exit status: 0 success, 1 failure, 2 wrong usage or inputs, 130 interrupted."


class CliError(Exception):
    """The command failed; the text says what, where and what to do."""

    exit_status = EXIT_FAILED


class UsageProblem(CliError):
    """The command line or the inputs given on it cannot be used; nothing was started."""

    exit_status = EXIT_USAGE
