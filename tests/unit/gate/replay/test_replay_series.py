from hypothesis import given
from hypothesis import strategies as st

from schedproof_gate.replay.series import MAX_BUCKETS, Bucket, Series

STEPS = st.lists(
    st.tuples(
        st.integers(0, 10_000_000), st.integers(0, 500), st.integers(0, 500), st.integers(0, 99), st.integers(0, 99)
    ),
    max_size=60,
)


def series_of(steps: list[tuple[int, int, int, int, int]]) -> Series:
    series = Series()
    for start_us, decode, prefill, blocks, wait_us in sorted(steps):
        series.add(
            start_us,
            Bucket(
                num_steps=1,
                sum_tokens=decode + prefill,
                peak_decode_tokens=decode,
                peak_prefill_tokens=prefill,
                peak_used_blocks=blocks,
                peak_oldest_wait_us=wait_us,
            ),
        )
    return series


@given(STEPS)
def test_no_peak_disappears_and_no_step_is_counted_twice(steps: list[tuple[int, int, int, int, int]]) -> None:
    series = series_of(steps)
    assert all(0 <= number < MAX_BUCKETS for number in series.buckets)
    for number, bucket in series.buckets.items():
        inside = [step for step in steps if step[0] // series.width_us == number]
        assert bucket.num_steps == len(inside)
        assert bucket.sum_tokens == sum(step[1] + step[2] for step in inside)
        assert bucket.peak_tokens == max(step[1] + step[2] for step in inside)
        assert (bucket.peak_decode_tokens, bucket.peak_prefill_tokens) in {
            (step[1], step[2]) for step in inside
        } | {(0, 0)}
        assert bucket.peak_used_blocks == max(step[3] for step in inside)
        assert bucket.peak_oldest_wait_us == max(step[4] for step in inside)
    assert sum(bucket.num_steps for bucket in series.buckets.values()) == len(steps)


def test_a_short_run_keeps_its_steps_apart() -> None:
    series = series_of([(number * 1000, number, 0, 0, 0) for number in range(MAX_BUCKETS)])
    assert [bucket.peak_tokens for _, bucket in sorted(series.buckets.items())] == list(range(MAX_BUCKETS))
