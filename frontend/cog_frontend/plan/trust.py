"""A company's own certificate authorities, trusted by every step and by the image."""

from __future__ import annotations

from dataclasses import replace

from cog_frontend.plan.model import Base, Exec, File, Files

_MOUNT = "/run/cogkit/certificates"
_FOLDER = "/usr/local/share/ca-certificates"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"

# What OpenSSL, Python's requests and pip, curl and Node read, where they carry a bundle of their
# own and would not look at the system's.
ENV = (
    ("SSL_CERT_FILE", BUNDLE),
    ("REQUESTS_CA_BUNDLE", BUNDLE),
    ("PIP_CERT", BUNDLE),
    ("CURL_CA_BUNDLE", BUNDLE),
    ("NODE_EXTRA_CA_CERTS", BUNDLE),
)

# One file for each: update-ca-certificates makes no links for a file that holds several. It also
# makes the bundle anew, without what a base image wrote into it by hand: that is put back.
_SCRIPT = f"""\
set -e
mkdir -p {_FOLDER} {BUNDLE.rpartition("/")[0]}
cp {_MOUNT}/* {_FOLDER}/
bundle=$(mktemp)
cat {BUNDLE} {_MOUNT}/* > "$bundle" 2>/dev/null || cat {_MOUNT}/* > "$bundle"
if command -v update-ca-certificates >/dev/null; then
    update-ca-certificates
fi
cat "$bundle" > {BUNDLE}
rm "$bundle"
"""


def trusting(base: Base, certificates: tuple[bytes, ...]) -> Base:
    """The base with the authorities (PEM) added; the same base when there are none."""
    if not certificates:
        return base
    files = tuple(
        File(path=f"cog-ca-cert-{number}.crt", data=data)
        for number, data in enumerate(certificates, 1)
    )
    install = Exec(
        args=("/bin/sh", "-c", _SCRIPT),
        title="[base] trust the certificates of COG_CA_CERT",
        mounts=(Files(target=_MOUNT, files=files),),
    )
    return replace(base, setup=(*base.setup, install), env=(*base.env, *ENV))
