"""The one table of rules, and applying it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from cog_frontend.errors import Problem, near
from cog_frontend.lint import command_rules as commands
from cog_frontend.lint import config_rules as config
from cog_frontend.lint import package_rules as packages
from cog_frontend.lint import predictor_rules as predictor
from cog_frontend.lint.model import Facts, Finding, Rule
from cog_frontend.option_values import OptionError

_ROWS = (
    ("DeprecatedKey", config.deprecated_key,
     "Use the key that took this one's place.",
     "Deprecated keys work now and are dropped in a later version of Cog."),
    ("BuildWarning", config.build_warning,
     "Read what the build says about this line.",
     "What only looks as if it had an effect, or needs something that is not there."),
    ("NoPredictor", config.no_predictor,
     "Name the predictor with `run: file.py:Name`.",
     "Without one the image starts and answers no prediction."),
    ("PythonNotChosen", config.python_not_chosen,
     "Set `build.python_version`.",
     "The default moves with versions of cogkit, and so does the image."),
    ("PythonUnquoted", config.python_unquoted,
     "Put the version in quotes.",
     "cogkit reads 3.10 as it is written; other YAML tools read the number 3.1."),
    ("PythonNearItsEnd", config.python_near_its_end,
     "Move to a newer Python.",
     "A Python past its end gets no security fixes, and packages stop building for it."),
    ("SecretInEnvironment", config.secret_in_environment,
     "Give the secret to the running container, not to the image.",
     "`environment` is stored in the image's config, in plain text."),
    ("BaseNotPinned", config.base_not_pinned,
     "Name a version, or a digest.",
     "Without one, the same project gives another image when the base changes."),
    ("SystemPackageTwice", config.system_package_twice,
     "Remove one of the two.",
     "It is installed once."),
    ("SystemPackageVersion", config.system_package_version,
     "Name the package without its version.",
     "Debian's mirrors keep one version; the build fails when it is replaced."),
    ("NoIgnoreFile", config.no_ignore_file,
     "Write a .dockerignore.",
     "Virtual environments, data and outputs in the folder make builds slow and images large."),
    ("InputWithoutDescription", predictor.input_without_description,
     "Add `description=` to the input.",
     "The API document is all that clients and the playground know of an input."),
    ("NumberWithoutBounds", predictor.number_without_bounds,
     "Give the input `ge=` and `le=`.",
     "A client can ask for a billion steps; within bounds it is told what it may ask for."),
    ("AptInRun", commands.apt_in_run,
     "Move the packages to `build.system_packages`.",
     "They are then cached, and installed while Python packages are worked out."),
    ("PipInRun", commands.pip_in_run,
     "Move the packages to `build.python_packages` or the requirements.",
     "They are then locked, and one more package does not install the others again."),
    ("SudoInRun", commands.sudo_in_run,
     "Remove sudo.",
     "Commands run as root, and slim images have no sudo."),
    ("ScriptFromTheWeb", commands.script_from_the_web,
     "Download, check, then run.",
     "Whoever owns the address at the time of the build runs code in it."),
    ("FolderIsForgotten", commands.folder_is_forgotten,
     "Join the commands with `&&`.",
     "Each entry of `build.run` is a process of its own."),
    ("VariableIsForgotten", commands.variable_is_forgotten,
     "Use `environment`.",
     "Each entry of `build.run` is a process of its own."),
    ("CredentialInCommand", commands.credential_in_command,
     "Use a mount of type secret.",
     "Commands stand in the image's history and in its labels."),
    ("OwnerOfAWholeTree", commands.owner_of_a_whole_tree,
     "Set `build.user`, or give files their mode where they are made.",
     "A changed owner or mode copies the whole file into a new layer."),
    ("WeightsInRun", commands.weights_in_run,
     "Declare the file under `weights`.",
     "Weights are then layers of their own, which no edit fetches again."),
    ("UnpinnedPackage", packages.unpinned_package,
     "Give the package a version, or keep a lock file.",
     "Another builder may install another release."),
    ("PackageTwice", packages.package_twice,
     "Remove one of the two.",
     "Two versions that disagree fail only when the packages are worked out."),
    ("DevelopmentPackage", packages.development_package,
     "Keep it in a file of its own that the image does not use.",
     "It makes the image larger and its attack surface too."),
    ("GpuWithoutUse", packages.gpu_without_use,
     "Remove `gpu`, or install what uses it.",
     "The image then asks for a GPU that nothing uses."),
    ("CredentialInRequirements", packages.credential_in_requirements,
     "Name the index and its secret in `build.python_index`.",
     "The file is part of the image, and of whatever repository it is in."),
    ("IndexWithoutTls", packages.index_without_tls,
     "Use https.",
     "Packages run as your code; without TLS anybody on the way can replace them."),
    ("TrustedHost", packages.trusted_host,
     "Pass the authority's certificate as COG_CA_CERT.",
     "A host whose certificate is not checked can be anybody."),
)  # fmt: skip

RULES = tuple(
    Rule(id=name, check=check, summary=summary, why=why) for name, check, summary, why in _ROWS
)


def lint(facts: Facts, *, skip: Collection[str] = ()) -> tuple[Finding, ...]:
    """Return what the rules find, by file and line; ``skip`` are ids of rules to leave out."""
    found = [
        replace(finding, rule=rule.id)
        for rule in RULES
        if rule.id not in skip
        for finding in rule.check(facts)
    ]
    order = [facts.filename, *facts.files]
    return tuple(sorted(found, key=lambda each: _place(each, order)))


def as_problems(found: Iterable[Finding]) -> Iterator[Problem]:
    """Return what an error shows of findings: the rule, the place, what to do."""
    summaries = {rule.id: rule.summary for rule in RULES}
    for each in found:
        message = f"{each.rule}: {each.message}"
        hint = summaries[each.rule]
        yield Problem(file=each.file, message=message, hint=hint, span=each.span)


def check_names(key: str, names: Iterable[str]) -> frozenset[str]:
    """Return the names of rules, whatever their case; raise ``OptionError`` for another one."""
    known = {rule.id.lower(): rule.id for rule in RULES}
    found = [*names]
    for name in found:
        if name.lower() not in known:
            close = near(name, known.values())
            raise OptionError(
                f"option {key}: there is no rule {name!r}{f' ({close})' * bool(close)}"
            )
    return frozenset(known[name.lower()] for name in found)


def _place(finding: Finding, order: list[str]) -> tuple[int, int]:
    file = order.index(finding.file) if finding.file in order else len(order)
    return file, finding.span.start_line if finding.span else 0
