"""LLBBridge, the service that BuildKit offers a frontend: calls, results and errors.

Importing this package loads no protobuf and no graph library.
"""

from cog_frontend.gateway.bridge import AlreadyReturned, Bridge
from cog_frontend.gateway.failure import (
    Detail,
    ErrorSource,
    Failure,
    failure_from_problems,
    failure_from_rpc,
    unsupported_capability,
    unsupported_subrequest,
)
from cog_frontend.gateway.pending import Call, Pending, Transport
from cog_frontend.gateway.reading import FileTooLarge
from cog_frontend.gateway.result import (
    Attestation,
    Result,
    multi_image,
    platform_id,
    single_image,
    subrequest_reply,
)
from cog_frontend.gateway.values import (
    CacheImport,
    Capabilities,
    Ref,
    ResolvedImage,
    Stat,
    Worker,
)

__all__ = [
    "AlreadyReturned",
    "Attestation",
    "Bridge",
    "CacheImport",
    "Call",
    "Capabilities",
    "Detail",
    "ErrorSource",
    "Failure",
    "FileTooLarge",
    "Pending",
    "Ref",
    "ResolvedImage",
    "Result",
    "Stat",
    "Transport",
    "Worker",
    "failure_from_problems",
    "failure_from_rpc",
    "multi_image",
    "platform_id",
    "single_image",
    "subrequest_reply",
    "unsupported_capability",
    "unsupported_subrequest",
]
