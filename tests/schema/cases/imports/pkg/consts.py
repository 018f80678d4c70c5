from . import deep
from .deep.more import BASE

NAME = "from the package"
STEPS = BASE * 2
MOST = deep.LIMIT
SIZES = {"s": "small", "l": "large"}
