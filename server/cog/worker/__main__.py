"""The script that the server starts as the worker: ``python …/cog/worker/__main__.py --fd N …``.

A script, and one that loads `cog` from the folder it is in, so that neither the current directory
nor any installed package comes before ours, and so that nothing but `cog` is found there. The
project's folder is put on the import path later. Python runs this file again, under another name,
in each process that the model starts by multiprocessing; there it only makes ``import cog`` mean
the same.
"""

from __future__ import annotations

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is not safe yet
sys.path[:] = [entry for entry in sys.path if entry != _HERE]

from importlib.util import module_from_spec, spec_from_file_location  # noqa: E402 - safe only now


def _load_cog(folder: str) -> None:
    spec = spec_from_file_location(
        "cog", f"{folder}/__init__.py", submodule_search_locations=[folder]
    )
    assert spec is not None
    assert spec.loader is not None
    sys.modules["cog"] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules["cog"])


if "cog" not in sys.modules:
    _load_cog(os.path.dirname(_HERE))  # noqa: PTH120 - as above

if __name__ == "__main__" and sys.argv[1:2] == ["describe"]:
    # A build asks what the handler takes: the same way to the model's code, and none of the rest.
    from cog.describe.command import main

    os._exit(main(*sys.argv[2:]))

if __name__ == "__main__":
    from pathlib import Path

    from cog.worker.options import parse
    from cog.worker.process import Process

    sys.exit(Process(parse(sys.argv[1:], os.environ, Path.cwd())).main())
