"""aiokafka's coordinator, which leaves no error of an offset commit unread."""

import asyncio
from collections.abc import Mapping

from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.structs import OffsetAndMetadata, TopicPartition


class Coordinator(GroupCoordinator):  # type: ignore[misc]
    """Membership of a group, and the commits of its offsets."""

    def _do_commit_offsets(
        self,
        assignment: Assignment,
        offsets: Mapping[TopicPartition, OffsetAndMetadata],
    ) -> "asyncio.Future[None]":
        # `commit_offsets` shields this from whoever gives up on it. Nobody would read
        # what it fails with then, in a rebalance for instance; asyncio would say so.
        sending = super()._do_commit_offsets(assignment, offsets)
        sent: asyncio.Future[None] = asyncio.ensure_future(sending)
        sent.add_done_callback(_read)
        return sent


def _read(done: "asyncio.Future[None]") -> None:
    if not done.cancelled():
        done.exception()
