"""What tells a secret from the one that a layer was made with: a slow digest, made in each build.

BuildKit's key of a command has the ids of its secrets and never the values (``ops/exec.go``): a
command stays cached however often its secret is changed. So a step that runs in every build makes
a digest of each value, and each command that uses the secret sees a file with that digest, which
is in its key. Digests are in cache keys and in provenance: they are salted by the secret's id and
slow to make, so that a short secret cannot be found by trying. The value itself is in neither.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from cog_frontend.config import Build, SecretMount
from cog_frontend.plan import layout
from cog_frontend.plan.commands import in_order
from cog_frontend.plan.model import Exec, Layer, Secret

SECRETS = "secrets"
SECRETS_FILE = "secrets.json"

# 300,000 rounds of PBKDF2-HMAC-SHA256 take about a tenth of a second each.
_DIGESTS = """
import hashlib, json, os, sys
made, folder, *ids = sys.argv[1:]
found = {}
for number, name in enumerate(ids):
    path = f"{folder}/{number}"
    if os.path.exists(path):
        with open(path, "rb") as file:
            salt = b"cogkit secret " + name.encode()
            found[name] = hashlib.pbkdf2_hmac("sha256", file.read(), salt, 300_000).hex()
with open(made, "w") as file:
    json.dump(found, file)
"""


def digests_layer(build: Build, *, needs: tuple[str, ...]) -> Layer | None:
    """The layer whose only file has the digests; None where no command uses a secret.

    A secret that is not given has none: the command that wants it fails, at its line.
    """
    mounts = [
        mount
        for command in in_order(build)
        for mount in command.mounts
        if isinstance(mount, SecretMount)
    ]
    if not mounts:
        return None
    ids = tuple(sorted({mount.id for mount in mounts}))
    made = f"{layout.BUILD_MADE}/{SECRETS_FILE}"
    step = Exec(
        args=(layout.PYTHON, "-I", "-c", _DIGESTS, made, layout.BUILD_SECRETS, *ids),
        title="[secrets] tell whether they changed",
        mounts=tuple(
            Secret(target=f"{layout.BUILD_SECRETS}/{number}", id=each, optional=True)
            for number, each in enumerate(ids)
        ),
    )
    return Layer(name=SECRETS, steps=(step,), needs=needs, made=layout.BUILD_MADE, kept=False)


def read_digests(data: bytes) -> Mapping[str, str]:
    """Return the digests, by id, that the step of ``digests_layer`` wrote."""
    found: dict[str, str] = json.loads(data)
    return found
