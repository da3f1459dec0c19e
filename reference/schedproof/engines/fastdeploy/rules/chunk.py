"""How a prompt is cut into chunks.

A rule gets the request, the budget and the config, and returns the chunk in tokens; 0 leaves the request out of
the step. The request is prefilling, and its computed tokens do not end inside a multimodal item.
"""

from schedproof.engines.fastdeploy.config import MultimodalInput, ServingConfig
from schedproof.request import MultimodalItem, Request


def next_chunk(request: Request, budget: int, config: ServingConfig) -> int:
    """Return the longest chunk within the budget that cuts neither an item nor an alignment unit.

    An item that does not fit is rolled back to its start and waits for a step that has room for all of it. One
    that fits and that alignment alone would cut is run to its end: waiting would not change that.
    """
    end = reachable_end(request, budget, config)
    item = item_cut_by(request.items, end)
    if item is not None:
        end = item.start
        if item.end <= request.num_computed_tokens + budget:
            end = item.end
    return end - request.num_computed_tokens


def published_chunk(request: Request, budget: int, config: ServingConfig) -> int:
    """Return FastDeploy's chunk: an item that the chunk would cut is run to its end, past the budget.

    How an item is found depends on the form of the input. Source: ``ResourceManagerV1._get_num_new_tokens``.
    """
    end = request.num_computed_tokens + published_text_chunk(request, budget, config)
    if config.max_multimodal_item_tokens == 0:
        return end - request.num_computed_tokens
    if config.multimodal_input == MultimodalInput.IMAGES:
        end = end_by_images(request, end)
    else:
        end = end_by_patches(request, end)
    return end - request.num_computed_tokens


def published_text_chunk(request: Request, budget: int, config: ServingConfig) -> int:
    """Return FastDeploy's chunk before items are looked at.

    In deterministic mode a rest that reaches a multiple of ``split_kv_size`` ends on one, the prompt's last chunk
    included; a shorter rest is run as far as the budget goes.
    """
    rest = request.num_prefill_tokens_left
    if not config.deterministic or rest < config.split_kv_size:
        return min(rest, budget)
    end = request.num_computed_tokens + budget
    aligned = end - end % config.split_kv_size
    return min(max(aligned - request.num_computed_tokens, 0), rest)


def end_by_patches(request: Request, end: int) -> int:
    """Return where a chunk ends that looks at the token behind it: an item that begins there is run too.

    A chunk may end where one item ends and the next begins: those are two segments of one video.
    """
    if end >= request.num_prompt_tokens:
        return end
    for item in request.items:
        if item.start <= end and end <= item.end:
            return item.end
    return end


def end_by_images(request: Request, end: int) -> int:
    """Return where a chunk ends that looks at its own last token.

    A chunk with a part of an item never goes on behind the prompt: what was generated before a preemption is left
    for a chunk of its own.
    """
    if end < request.num_prompt_tokens:
        item = item_cut_by(request.items, end)
        return end if item is None else item.end
    for item in request.items:
        if request.num_computed_tokens < item.end:
            return request.num_prompt_tokens
    return end


def reachable_end(request: Request, budget: int, config: ServingConfig) -> int:
    """Return the prompt position that the budget reaches, before items are looked at.

    Without chunked prefill only the whole rest of the prompt counts. In deterministic mode an end inside the
    prompt falls back to a multiple of ``split_kv_size``, and to the start when the budget reaches none.
    """
    computed = request.num_computed_tokens
    need = request.need_prefill_tokens
    if budget >= need - computed:
        return need
    if not config.chunked_prefill:
        return computed
    end = computed + budget
    if config.deterministic:
        aligned = end - end % config.split_kv_size
        return max(computed, aligned)
    return end


def item_cut_by(items: tuple[MultimodalItem, ...], position: int) -> MultimodalItem | None:
    """Return the item that a cut at this position would split, if any."""
    for item in items:
        if item.start < position and position < item.end:
            return item
    return None
