"""Prompts as FastDeploy's input processors hand them to the scheduler."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from settings import IMAGES, PATCH_MAP, EngineConfig

TEXT, IMAGE_PATCH, VIDEO_PATCH, AUDIO_PATCH = 1, 100, 101, 102
IMAGE_END, VIDEO_END, AUDIO_END = 110, 111, 112
MIN_ITEM = 2


@dataclass(frozen=True, slots=True)
class Media:
    """An image, or a video of segments that may be cut apart: neighbours share an end."""

    is_video: bool
    segments: tuple[tuple[int, int], ...]

    @property
    def start(self) -> int:
        return self.segments[0][0]

    @property
    def end(self) -> int:
        return self.segments[-1][1]


@dataclass(frozen=True, slots=True)
class Prompt:
    """The token ids, what is known about images in them, and the positions that prefill must not cut."""

    token_ids: list[int]
    multimodal_inputs: dict[str, Any] | None = None
    items: tuple[tuple[int, int], ...] = ()


def draw_prompt(rng: random.Random, length: int, config: EngineConfig) -> Prompt:
    if config.multimodal is None:
        return Prompt([TEXT] * length)
    media = draw_media(rng, length, config)
    inputs = INPUTS[config.multimodal](length, media)
    items = tuple(segment for one in media for segment in one.segments)
    return Prompt(inputs.pop("token_ids"), inputs, items)


def draw_media(rng: random.Random, length: int, config: EngineConfig) -> list[Media]:
    """Draw images and videos with text, one token at least, before the next and behind the last."""
    found: list[Media] = []
    position = rng.randint(0, 8)
    while rng.random() < 0.8:
        num_segments = rng.randint(2, 3) if rng.random() < 0.3 else 1
        size = rng.randint(MIN_ITEM, config.max_multimodal_item_tokens)
        ends = [position + size * (number + 1) for number in range(num_segments)]
        if ends[-1] >= length:
            break
        segments = tuple((end - size, end) for end in ends)
        found.append(Media(num_segments > 1, segments))
        position = ends[-1] + rng.randint(1, 24)
    return found


def with_patch_map(length: int, media: list[Media]) -> dict[str, Any]:
    """Return the inputs of models that map each token to a patch: a run of text, an image or a video."""
    token_ids, patch_idx, patch_map = [TEXT] * length, [0] * length, []
    num_images = num_videos = position = 0

    def add_patch(modal_id: int, end: int) -> None:
        patch_idx[position:end] = [len(patch_map)] * (end - position)
        patch_map.append({"modal_id": modal_id, "end_idx": end, "image_num": num_images, "video_num": num_videos})

    for one in media:
        if one.start > position:
            add_patch(0, one.start)
        position = one.start
        num_images, num_videos = num_images + (not one.is_video), num_videos + one.is_video
        add_patch(2 if one.is_video else 1, one.end)
        token_ids[one.start : one.end] = [VIDEO_PATCH if one.is_video else IMAGE_PATCH] * (one.end - one.start)
        token_ids[one.end] = VIDEO_END if one.is_video else IMAGE_END
        position = one.end
    add_patch(0, length)
    return {
        "token_ids": token_ids,
        "patch_idx": patch_idx,
        "patch_map": patch_map,
        "can_split_idx_list": [end for one in media if one.is_video for _, end in one.segments],
        "image_patch_id": IMAGE_PATCH,
        "video_patch_id": VIDEO_PATCH,
        "audio_patch_id": AUDIO_PATCH,
        "image_end_id": IMAGE_END,
        "video_end_id": VIDEO_END,
        "audio_end_id": AUDIO_END,
    }


def with_images(length: int, media: list[Media]) -> dict[str, Any]:
    """Return the inputs of models that list their images by size; a video segment is a pair of frames."""
    token_ids = [TEXT] * length
    if not media:
        return {"token_ids": token_ids, "images": None}
    for one in media:
        token_ids[one.start : one.end] = [IMAGE_PATCH] * (one.end - one.start)
    return {
        "token_ids": token_ids,
        "images": [],
        "image_patch_id": IMAGE_PATCH,
        "grid_thw": [frames_height_width(one) for one in media],
        "mm_positions": [SimpleNamespace(offset=one.start, length=one.end - one.start) for one in media],
        "mm_hashes": [str(one.start) for one in media],
        "mm_num_token_func": num_image_tokens,
    }


def frames_height_width(one: Media) -> list[int]:
    """Return a size that `num_image_tokens` turns into the tokens of each segment."""
    start, end = one.segments[0]
    if one.is_video:
        return [2 * len(one.segments), 2, end - start]
    return [1, 2, 2 * (end - start)]


def num_image_tokens(*, grid_thw: Any) -> Any:
    """Return the tokens of an image or a pair of frames, or of each in a list."""
    if not isinstance(grid_thw[0], int):
        return [frames * height * width // 4 for frames, height, width in grid_thw]
    frames, height, width = grid_thw
    return frames * height * width // 4


INPUTS: dict[str, Callable[[int, list[Media]], dict[str, Any]]] = {PATCH_MAP: with_patch_map, IMAGES: with_images}
