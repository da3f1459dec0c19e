"""The payload kernels launched with followed values, and what each word that they write has to hold."""

from __future__ import annotations

import functools

from launches import ANY_SIZE
from test_payload_kernels import MAX_BLOCKS_Y, TOKEN_OF_ROW, VECTORS, aligned, drawn_sizes

from schedproof.dispatch.dispatch import NO_ROW
from schedproof_kernels import payload_kernel, primitives
from schedproof_kernels.dispatch_buffers import BF16_BYTES, WORD_BYTES, written_arrays
from schedproof_kernels.payload_kernel import GROUP_VECTORS, VECTOR_WORDS
from schedproof_spec.gpu.counting import all_of, any_of, element, implies
from schedproof_spec.gpu.following import FollowedData
from schedproof_spec.gpu.integers import larger
from schedproof_spec.gpu.values import applied, chosen_value, element_value, same, value_function
from schedproof_spec.rules.payload import (
    LEAST_PEAK,
    NOTHING,
    combined_word,
    fp8_word,
    group_amax,
    group_scale,
    halves,
    peak,
    sum_with_choice,
)

FLOATS = (primitives.bf16_value, primitives.product, primitives.added, primitives.quotient)
WHOLES = (primitives.low_half, primitives.high_half, primitives.bf16_pair, primitives.e4m3_pair)
"""Operations that make floats, and that make integers; nothing else is known of them."""

GROUP_WORDS = GROUP_VECTORS * VECTOR_WORDS
"""Words that hold the bfloat16 values of one scale."""

FP8_GROUP_WORDS = GROUP_WORDS // 2
"""Words that hold the same values as e4m3."""


class Payload:
    """One launch: its sizes, any token, and any row and words in it."""

    def __init__(self, thread, *, fp8=False):
        self.thread = thread
        for function in (*FLOATS, *WHOLES):
            made = functools.partial(applied, thread, function.__name__, is_whole=function in WHOLES)
            thread.translator.functions[function] = made
            setattr(self, function.__name__, made)
        thread.translator.functions.update(
            {function: aligned(thread, function, words) for function, words in VECTORS.items()}
        )
        self.larger = larger
        self.sizes, local_experts, self.vectors = drawn_sizes(thread)
        self.arrays = {each.name: each.seen_shape for each in written_arrays(self.sizes, local_experts, fp8=fp8)}
        self.tokens = self.sizes.ranks * self.sizes.tokens
        self.num_rows = local_experts * self.sizes.rows_per_expert
        self.num_words = self.tokens * self.sizes.hidden * BF16_BYTES // WORD_BYTES
        self.row_words = VECTOR_WORDS * self.vectors
        thread.compare_multiples(self.vectors, self.num_rows, self.tokens)
        thread.data = FollowedData(thread)

    def chosen(self, condition, yes, no):
        """One of two values."""
        return chosen_value(condition, yes, no, self.thread)

    def any_below(self, name, length):
        """Any index into so many."""
        index = self.thread.size(name, *ANY_SIZE)
        self.thread.assume(all_of(index >= 0, index < length))
        return index

    def routed(self, token, choice, row):
        """What the routing kernels promise of a row."""
        return any_of(row == NO_ROW, all_of(row >= 0, row < self.num_rows, TOKEN_OF_ROW(row) == token))

    def row_of(self, token, choice):
        """The row of a choice, which is dropped in some states and has one in others."""
        row = element("row_of_choice", token, choice)
        self.thread.reaches("a choice is dropped", row == NO_ROW)
        self.thread.reaches("a choice has a row", row != NO_ROW)
        return row

    def rows_of_choices(self):
        """The row of each choice."""
        return self.thread.array("row_of_choice", self.arrays["row_of_choice"], facts=self.routed)

    def word_of(self, array, row, word):
        """A word of a bfloat16 row."""
        return element_value(self.thread, array, self.thread.wrap(row) * self.row_words + word, is_whole=True)

    def own_vector(self):
        """The vector of the thread that runs."""
        return self.first_vector() + self.thread.wrap(self.thread.coordinates[2])

    def first_vector(self):
        """The vector of the block's first thread."""
        return self.thread.wrap(self.thread.block[1]) * self.thread.threads

    def runs_all_choices(self, function):
        """A thread that has a vector runs a function's loop over all choices of its token."""

        def duty(_, __):
            own, token = self.own_vector(), self.thread.block[0]
            runs = self.thread.path.has_run(
                function,
                lambda v, loop: all_of(
                    v.token == token,
                    v.vector == own,
                    loop.start == 0,
                    loop.step == 1,
                    loop.stop == self.sizes.choices,
                ),
            )
            return implies(own < self.vectors, runs)

        return duty

    def launch(self, kernel, *arguments):
        """Any token's vector, in any grid that has the tokens along x, with any block that the kernel takes."""
        thread = self.thread
        thread.launch(
            kernel.py_func,
            *arguments,
            grid=(self.tokens, thread.size("blocks", 1, MAX_BLOCKS_Y)),
            block=kernel.multiple * thread.size("block", 1, kernel.threads // kernel.multiple),
        )


def copies(thread):
    """Each row holds the words of its token, and each vector of each choice's row is written."""
    launch = Payload(thread)
    row, word = launch.any_below("any_row", launch.num_rows), launch.any_below("any_word", launch.row_words)

    def copied(index, value):
        due = launch.word_of("x", TOKEN_OF_ROW(row), word)
        return implies(index == row * launch.row_words + word, same(value, due))

    def written(v, choice):
        row = launch.row_of(v.token, choice)
        begin = thread.wrap(row) * launch.row_words + v.vector * VECTOR_WORDS
        words = [thread.path.wrote("packed", begin + word) for word in range(VECTOR_WORDS)]
        return implies(row != NO_ROW, all_of(*words))

    thread.duties.update(copy_vector=written, copy_rows=launch.runs_all_choices("copy_vector"))
    launch.launch(
        payload_kernel.copy_rows,
        thread.words("x", (launch.num_words,)),
        launch.rows_of_choices(),
        launch.vectors,
        thread.words("packed", launch.arrays["packed_recv_x"], promise=copied),
    )


def combines(thread):
    """Each word of a token's result is the rounded sums of its two columns over all choices, in their order."""
    launch = Payload(thread)
    token, word = launch.any_below("any_token", launch.tokens), launch.any_below("any_word", launch.row_words)
    sums = value_function(thread, "sums", is_whole=False)

    def next_sum(token, word, half, choice):
        row = element("row_of_choice", token, choice)
        weight = element_value(thread, "weights", token, choice, is_whole=False)
        held = halves(launch.word_of("packed", row, word), launch)[half]
        return sum_with_choice(sums(token, word, half, choice), row, weight, held, launch)

    def sums_so_far(v, at):
        kept = []
        for column in range(2 * VECTOR_WORDS):
            where = (v.token, v.vector * VECTOR_WORDS + column // 2, column % 2)
            thread.assume(same(NOTHING, sums(*where, 0)))
            thread.assume(implies(at >= 0, same(sums(*where, at + 1), next_sum(*where, at))))
            kept.append(same(getattr(v, f"sum{column}"), sums(*where, at)))
        return all_of(*kept)

    def combined(index, value):
        first, second = (sums(token, word, half, launch.sizes.choices) for half in range(2))
        rows = [element("row_of_choice", token, choice) for choice in range(2)]
        thread.reaches("one choice of two is dropped", all_of(rows[0] == NO_ROW, rows[1] != NO_ROW))
        return implies(index == token * launch.row_words + word, same(value, combined_word(first, second, launch)))

    def written(_, __):
        is_own = all_of(thread.block[0] == token, launch.own_vector() == word // VECTOR_WORDS)
        return implies(is_own, thread.path.wrote("combined", token * launch.row_words + word))

    thread.claims["combine_vector"] = sums_so_far
    thread.duties["combine_rows"] = written
    launch.launch(
        payload_kernel.combine_rows,
        thread.words("packed", launch.arrays["packed_recv_x"]),
        launch.rows_of_choices(),
        thread.floats("weights", launch.arrays["row_of_choice"]),
        launch.vectors,
        thread.words("combined", (launch.num_words,), promise=combined),
    )


def quantises(thread):
    """Each fp8 word is its columns stretched by their group's scale, which is stored at the group's place."""
    launch = Payload(thread, fp8=True)
    fp8_words, groups = 2 * launch.vectors, launch.vectors // GROUP_VECTORS
    row, word = launch.any_below("any_row", launch.num_rows), launch.any_below("any_word", fp8_words)
    group = launch.any_below("any_group", groups)
    peaks = value_function(thread, "peaks", is_whole=True)

    def peak_of_vector(token, vector):
        first = vector * VECTOR_WORDS
        return peak([launch.word_of("x", token, first + each) for each in range(VECTOR_WORDS)], launch)

    def peak_of_thread(number):
        vector = launch.first_vector() + number
        none = peak([0] * VECTOR_WORDS, launch)
        thread.reaches("a thread has no vector", vector >= launch.vectors)
        return launch.chosen(vector < launch.vectors, peak_of_vector(thread.block[0], vector), none)

    def amax_of(token, group):
        """Of the 128 values of a group: their running peak, behind the last of their vectors."""
        return group_amax(peaks(token, group, GROUP_VECTORS), launch)

    def peak_so_far(v, at):
        token, group = thread.block[0], (launch.first_vector() + v.thread) // GROUP_VECTORS
        before = peaks(token, group, at)
        after = larger(before, peak_of_vector(token, group * GROUP_VECTORS + at))
        thread.assume(same(0, peaks(token, group, 0)))
        thread.assume(implies(at >= 0, same(peaks(token, group, at + 1), after)))
        return same(v.peak, before)

    def stored(index, value):
        token, peak_of_group = TOKEN_OF_ROW(row), peaks(TOKEN_OF_ROW(row), word // FP8_GROUP_WORDS, GROUP_VECTORS)
        thread.reaches("a group is stretched from the least magnitude", peak_of_group < LEAST_PEAK)
        thread.reaches("a group is stretched from its largest magnitude", peak_of_group >= LEAST_PEAK)
        pair = (launch.word_of("x", token, 2 * word + each) for each in range(2))
        due = fp8_word(*pair, amax_of(token, word // FP8_GROUP_WORDS), launch)
        return implies(index == row * fp8_words + word, same(value, due))

    def scaled(index, value):
        due = group_scale(amax_of(TOKEN_OF_ROW(row), group), launch)
        return implies(index == row * groups + group, same(value, due))

    def written(v, choice):
        row = thread.wrap(launch.row_of(v.token, choice))
        begin = row * fp8_words + 2 * v.vector
        words = all_of(*(thread.path.wrote("packed", begin + each) for each in range(2)))
        scale = thread.path.wrote("scales", row * groups + v.vector // GROUP_VECTORS)
        return implies(row != NO_ROW, all_of(words, implies(v.vector % GROUP_VECTORS == 0, scale)))

    thread.data = FollowedData(thread, shared=peak_of_thread)
    thread.claims["group_peak"] = peak_so_far
    thread.duties.update(store_fp8_vector=written, quantise_rows=launch.runs_all_choices("store_fp8_vector"))
    launch.launch(
        payload_kernel.quantise_rows,
        thread.words("x", (launch.num_words,)),
        launch.rows_of_choices(),
        launch.vectors,
        thread.words("packed", launch.arrays["packed_recv_x"], promise=stored),
        thread.floats("scales", launch.arrays["scales"], promise=scaled),
    )
