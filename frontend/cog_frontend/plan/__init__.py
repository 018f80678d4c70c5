"""Config and project facts -> Plan: plain values that everything below builds from."""

from cog_frontend.plan.compile import (
    BEFORE_PACKAGES,
    Project,
    choose_base,
    effective_config,
    make_plan,
)
from cog_frontend.plan.lock import Lock, read_lock
from cog_frontend.plan.model import Plan
from cog_frontend.plan.packages import LOCK
from cog_frontend.plan.requirements import Requirements, from_packages, read_requirements
from cog_frontend.plan.text import plan_json
from cog_frontend.plan.wheel import Target, target

__all__ = [
    "BEFORE_PACKAGES",
    "LOCK",
    "Lock",
    "Plan",
    "Project",
    "Requirements",
    "Target",
    "choose_base",
    "effective_config",
    "from_packages",
    "make_plan",
    "plan_json",
    "read_lock",
    "read_requirements",
    "target",
]
