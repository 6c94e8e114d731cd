"""Reading a stream back to see which of its messages the broker can still read.

Belongs here: one pass over a stream's tail, without the bodies. Does not belong here: when (streamwatch.py). A broker
that started on a damaged store may count messages that it cannot read, and passes over them without a word.
"""

from typing import Any
from uuid import uuid4

import msgspec

from shared.messaging.link import Link

_BATCH = 1_000
_ANSWER_SECONDS = 3.0
_SECOND = 1_000_000_000


async def unreadable(link: Link, stream: str, *, above: int, last: int) -> list[tuple[int, int]]:
    """The spans (first, last) of sequences above `above` up to `last` that hold no readable message.

    Raises one of AWAY or BrokerRefused when the broker cannot be asked to the end.
    """
    name, client = f"readback-{uuid4().hex}", link.client
    config: dict[str, Any] = {
        "name": name,
        "deliver_policy": "by_start_sequence",
        "opt_start_seq": above + 1,
        "ack_policy": "none",
        "headers_only": True,
        "mem_storage": True,
        "inactive_threshold": 30 * _SECOND,
    }
    await link.api(f"CONSUMER.CREATE.{stream}.{name}", {"stream_name": stream, "config": config, "action": "create"})
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox)
    spans: list[tuple[int, int]] = []
    expected = above + 1
    try:
        while expected <= last:
            # With an end: where nothing more can be read the broker does not answer a request that will not wait.
            request = msgspec.json.encode({"batch": _BATCH, "no_wait": True, "expires": _SECOND})
            await client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}", request, reply=inbox)
            came = 0
            for _ in range(_BATCH):
                message = await subscription.next_msg(timeout=_ANSWER_SECONDS)
                if not message.reply:
                    break  # the broker's word that there is nothing more
                came += 1
                seq = message.metadata.sequence.stream
                if seq > expected:
                    spans.append((expected, min(seq - 1, last)))
                expected = seq + 1
            if not came:
                break
    finally:
        await subscription.unsubscribe()
        await link.api(f"CONSUMER.DELETE.{stream}.{name}")
    if expected <= last:
        spans.append((expected, last))
    return [span for span in spans if span[0] <= span[1]]
