from .consts import NAME as default_name
from .kinds import Kind
from .kinds import *
