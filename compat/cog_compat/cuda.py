"""NVIDIA's images, and the oldest driver that runs what is built for a CUDA."""

from __future__ import annotations

from cog_compat.errors import NoMatch, Rejected
from cog_compat.rows import ImageRow, image_rows
from cog_compat.versions import minor

# CUDA Compatibility, "minor version compatibility": any driver from this one on runs programs
# built for any release of the major version.
DRIVER_FLOORS = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}


def resolve_image(cuda: str, cudnn: str = "") -> ImageRow:
    """Return NVIDIA's newest image of a CUDA (``12.4`` or ``12.4.1``), or raise ``NoMatch``.

    ``cudnn`` is a version whose major must be the image's (empty: any). A CUDA minor that has no
    image takes the nearest one above it of the same major: programs run on later minors.
    """
    rejected = []
    fitting = []
    for row in image_rows():
        if minor(row.cuda)[0] != minor(cuda)[0]:
            continue
        if cudnn and row.cudnn != cudnn.partition(".")[0]:
            rejected.append(Rejected(str(row), f"its cuDNN is {row.cudnn}, not {cudnn}"))
        elif _fits(row, cuda):
            fitting.append(row)
        else:
            rejected.append(Rejected(str(row), f"it is not CUDA {cuda} or a later minor release"))
    if fitting:
        return min(fitting, key=lambda row: (minor(row.cuda), -int(row.cuda.split(".")[2])))
    wanted = f"an NVIDIA image with CUDA {cuda}" + (f" and cuDNN {cudnn}" if cudnn else "")
    raise NoMatch(wanted, tuple(rejected) or (_known(),))


def _fits(row: ImageRow, cuda: str) -> bool:
    return row.cuda == cuda if cuda.count(".") == 2 else minor(row.cuda) >= minor(cuda)


def _known() -> Rejected:
    rows = image_rows()
    return Rejected("no such CUDA", f"images are known for {rows[-1].cuda} to {rows[0].cuda}")


def driver_floor(cuda: str) -> str | None:
    """Return the oldest driver that runs programs built for a CUDA; None: not known."""
    return DRIVER_FLOORS.get(minor(cuda)[0])
