"""What a handler takes and gives, read from the imported code: for a build that cannot read it.

Standard library only: this runs among the model's own packages.
"""

from cog.describe.handler import describe

__all__ = ["describe"]
