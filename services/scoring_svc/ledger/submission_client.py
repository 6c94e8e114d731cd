"""What scoring asks of submission_svc: to end collecting for a set and period."""

from dataclasses import dataclass
from uuid import UUID

import msgspec

from shared.errors import Refused, Unavailable
from shared.service_client import ServiceClient

_OK = 200


class FenceRefused(Refused):
    """submission_svc refused the fence; its code is passed on."""

    code = "fence_refused"
    zh, en = "截止采集被填报服务拒绝：{reason}", "submission_svc refused to end collecting: {reason}"


@dataclass(frozen=True)
class Fence:
    """The last chunk of facts written before the fence, and how many chunks the period has up to it."""

    last_chunk: int
    chunks: int


async def ask_for_fence(client: ServiceClient, set_id: UUID, period: str) -> Fence:
    """End collecting; repeatable. Raises Unavailable when submission_svc cannot be reached, FenceRefused otherwise."""
    body = {"set_id": str(set_id), "period": period}
    answer = await client.post("/v1/fences", body, key=f"fence/{set_id}/{period}")
    if answer.status_code // 100 == _OK // 100:
        try:
            return msgspec.json.decode(answer.content, type=Fence)
        except msgspec.ValidationError as error:
            raise Unavailable(what="submission_svc") from error
    try:
        code = str(msgspec.json.decode(answer.content).get("code"))
    except (msgspec.DecodeError, AttributeError):
        code = str(answer.status_code)
    raise FenceRefused(reason=code)
