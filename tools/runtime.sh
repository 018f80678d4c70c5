#!/bin/sh
# Steps of Dockerfile.frontend: what a toolbox holds, for the target architecture.
#   runtime.sh tools ARCH     uv and tini
#   runtime.sh deps ARCH      the server's own dependencies for the Python that runs this
#   runtime.sh runtime ARCH   the server itself and what starts it
set -eu
case "$2" in
  amd64) platform=x86_64-unknown-linux-gnu ;;
  arm64) platform=aarch64-unknown-linux-gnu ;;
  *) echo "runtime.sh: no runtime for architecture '$2': amd64 or arm64" >&2; exit 1 ;;
esac

# Nothing in the image changes after this: bytecode needs no check against its source.
compile() {
  find "$@" -name __pycache__ -type d -prune -exec rm -rf {} +
  python3 -m compileall -q --invalidation-mode unchecked-hash "$@"
}

case "$1" in
  tools)
    mkdir -p /out/bin /deb
    if [ "$2" != "$(dpkg --print-architecture)" ]; then dpkg --add-architecture "$2"; fi
    apt-get update -qq
    cd /deb && apt-get download -qq "tini:$2" && dpkg -x tini_*.deb /deb
    cp /deb/usr/bin/tini-static /out/bin/tini
    # uv itself for the target; the build platform's own runs below.
    /uv/bin/uv pip install --quiet --no-config --no-deps --require-hashes --target /deb/uv \
      --python-platform "$platform" -r /build/uv.txt
    cp /deb/uv/bin/uv /out/bin/uv
    ;;
  deps)
    python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    UV_LINK_MODE=copy /tools/uv/bin/uv pip install --quiet --no-config --only-binary :all: \
      --require-hashes --target /deps --python-version "$python" --python-platform "$platform" \
      -r /build/server.txt
    rm -rf /deps/bin /deps/.lock
    # Litestar invents examples with these, for an OpenAPI document that is not ours: 25 MB.
    rm -rf /deps/faker /deps/[Ff]aker-* /deps/polyfactory /deps/polyfactory-*
    compile /deps
    ;;
  runtime)
    mkdir -p /out/bin /out/lib
    cp /tools/out/bin/tini /out/bin/tini
    cp /build/server/serve.py /out/serve.py
    cp -r /build/server/cog /out/lib/cog
    compile /out/lib /out/serve.py
    ;;
esac
