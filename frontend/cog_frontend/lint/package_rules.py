"""Rules about what is installed: build.python_packages and requirement files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cog_frontend.errors import Span
from cog_frontend.lint.model import URL_WITH_PASSWORD, Edit, Facts, Finding
from cog_frontend.plan.requirements import OWN_PACKAGES
from cog_frontend.plan.wanted import Wanted

_DEVELOPMENT = {
    *("black", "flake8", "ipykernel", "ipython", "isort", "jupyter", "jupyterlab"),
    *("mypy", "notebook", "pre-commit", "pylint", "ruff", "tox"),
}
_PLAIN_HTTP = re.compile(r"(^|\s)(--(extra-)?index-url|-i|--find-links|-f)(\s+|=)http://")
_TRUSTED = re.compile(r"^\s*--trusted-host\b")


def _own(facts: Facts) -> Iterator[tuple[Wanted, str, Span]]:
    """What the project itself asks for, with the file and the lines that do."""
    entries = {each.text: each.span for each in facts.config.build.python_packages}
    for wanted in facts.listing.packages:
        file = wanted.file or facts.filename
        span = wanted.span if wanted.file else entries.get(wanted.text)
        if span and wanted.name not in OWN_PACKAGES:
            yield wanted, file, span


def unpinned_package(facts: Facts) -> Iterator[Finding]:
    for wanted, file, span in _own(facts):
        if not (wanted.specifier or wanted.target or facts.has_lock):
            text = f"{wanted.name} has no version: the newest one is taken when the lock is made"
            yield Finding(message=text, file=file, span=span)


def package_twice(facts: Facts) -> Iterator[Finding]:
    # In one file: another one may hold constraints.
    seen: dict[tuple[str, str], Wanted] = {}
    for wanted, file, span in _own(facts):
        first = seen.setdefault((file, wanted.name), wanted)
        if first is wanted or ";" in wanted.text + first.text:
            continue
        same = wanted.file and first.text == wanted.text
        edit = Edit(file, span.start_line, span.end_line) if same else None
        yield Finding(message=f"{wanted.name} is required twice", file=file, span=span, edit=edit)


def development_package(facts: Facts) -> Iterator[Finding]:
    for wanted, file, span in _own(facts):
        if wanted.name in _DEVELOPMENT:
            text = f"{wanted.name} is for development, not for serving"
            yield Finding(message=text, file=file, span=span)


def gpu_without_use(facts: Facts) -> Iterator[Finding]:
    build = facts.config.build
    if build.gpu and not (facts.listing.packages or build.base or build.run or build.cuda):
        text = "build.gpu is on, and nothing that could use a GPU is installed"
        yield Finding(message=text, file=facts.filename, span=facts.key("gpu"))


def _lines(facts: Facts, pattern: re.Pattern[str], message: str) -> Iterator[Finding]:
    for file, text in facts.files.items():
        for number, line in enumerate(text.split("\n"), 1):
            if pattern.search(line.partition(" #")[0]) and not line.startswith("#"):
                yield Finding(message=message, file=file, span=Span(number, number))


def credential_in_requirements(facts: Facts) -> Iterator[Finding]:
    text = "the image holds this file with its password: name the index in build.python_index"
    yield from _lines(facts, URL_WITH_PASSWORD, text)


def index_without_tls(facts: Facts) -> Iterator[Finding]:
    text = "whoever is on the way can change what is installed"
    yield from _lines(facts, _PLAIN_HTTP, text)
    for index in facts.config.build.python_index:
        if index.url.text.startswith("http://"):
            yield Finding(message=text, file=facts.filename, span=index.url.span)


def trusted_host(facts: Facts) -> Iterator[Finding]:
    text = "certificates of this host are not checked: pass its authority as COG_CA_CERT"
    yield from _lines(facts, _TRUSTED, text)
