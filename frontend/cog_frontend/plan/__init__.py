"""Config and project facts -> Plan: plain values that everything below builds from."""

from cog_frontend.plan.compile import Project, choose_base, effective_config, make_plan
from cog_frontend.plan.model import Plan
from cog_frontend.plan.requirements import Requirements, from_packages, read_requirements
from cog_frontend.plan.text import plan_json

__all__ = [
    "Plan",
    "Project",
    "Requirements",
    "choose_base",
    "effective_config",
    "from_packages",
    "make_plan",
    "plan_json",
    "read_requirements",
]
