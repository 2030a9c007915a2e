"""A warmed stage is a new one: what made its kernels ready leaves nothing behind."""

import pytest

from streaming.definitions import compile_windows
from streaming.keys import KeyTable
from streaming.warming import warmed_stage
from streaming.windows.compilation import interpreted
from tests.domains import readings as domain


@pytest.mark.parametrize("place", range(len(domain.LIVE_WINDOWS)))
def test_a_warmed_stage_has_no_partition_no_key_and_no_window(place: int) -> None:
    compiled = compile_windows(domain.DOMAIN, domain.semantic_manifest())[place]
    stage = warmed_stage(compiled, interpreted())
    assert stage.engine.assigned == []
    assert stage.engine.watermark is None
    assert stage.flush(KeyTable()).rows == ()
