"""Config and project facts -> Plan: plain values that everything below builds from."""

from cog_frontend.plan.base import choose_base
from cog_frontend.plan.choose import choose_stack
from cog_frontend.plan.compare import Change, compare
from cog_frontend.plan.compile import BEFORE_PACKAGES, Project, effective_config, make_plan
from cog_frontend.plan.compiling import compiling_code
from cog_frontend.plan.described import DESCRIBED, DESCRIBED_FILE
from cog_frontend.plan.inventoried import INVENTORY, INVENTORY_FILE, inventoried
from cog_frontend.plan.lock import Lock, read_lock
from cog_frontend.plan.locked import LOCK_FILE, LockFile, find_lock, lock_document
from cog_frontend.plan.model import Plan, Remote
from cog_frontend.plan.packages import LOCK
from cog_frontend.plan.record import LABEL, DecisionRecord, Record, read_record, record, record_json
from cog_frontend.plan.relock import ARG_UPGRADE, EVERYTHING, Relock, lock_path, read_relock
from cog_frontend.plan.requirements import Requirements, from_packages, read_requirements
from cog_frontend.plan.secret_digests import SECRETS, SECRETS_FILE, read_digests
from cog_frontend.plan.separate import Listed
from cog_frontend.plan.stack import Facts, Stack
from cog_frontend.plan.tested import TESTED, tested_layer
from cog_frontend.plan.text import plan_json
from cog_frontend.plan.wanted import listing
from cog_frontend.plan.weights import WEIGHTS, Hubs, Known, folder_sources, hub_sources
from cog_frontend.plan.wheel import Target, target

__all__ = [
    "ARG_UPGRADE",
    "BEFORE_PACKAGES",
    "DESCRIBED",
    "DESCRIBED_FILE",
    "EVERYTHING",
    "INVENTORY",
    "INVENTORY_FILE",
    "LABEL",
    "LOCK",
    "LOCK_FILE",
    "SECRETS",
    "SECRETS_FILE",
    "TESTED",
    "WEIGHTS",
    "Change",
    "DecisionRecord",
    "Facts",
    "Hubs",
    "Known",
    "Listed",
    "Lock",
    "LockFile",
    "Plan",
    "Project",
    "Record",
    "Relock",
    "Remote",
    "Requirements",
    "Stack",
    "Target",
    "choose_base",
    "choose_stack",
    "compare",
    "compiling_code",
    "effective_config",
    "find_lock",
    "folder_sources",
    "from_packages",
    "hub_sources",
    "inventoried",
    "listing",
    "lock_document",
    "lock_path",
    "make_plan",
    "plan_json",
    "read_digests",
    "read_lock",
    "read_record",
    "read_relock",
    "read_requirements",
    "record",
    "record_json",
    "target",
    "tested_layer",
]
