"""How a prompt is cut into chunks.

A rule gets the request, the budget and the config, and returns the chunk in tokens; 0 leaves the request out of
the step. The request is prefilling, and its computed tokens do not end inside a multimodal item.
"""

from schedproof.engines.fastdeploy.config import ServingConfig
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


def next_chunk_rounding_up(request: Request, budget: int, config: ServingConfig) -> int:
    """Return FastDeploy's chunk: an item that the chunk would cut is run to its end, past the budget.

    Source: ``ResourceManagerV1._get_num_new_tokens``.
    """
    end = reachable_end(request, budget, config)
    item = item_cut_by(request.items, end)
    if item is not None:
        end = item.end
    return end - request.num_computed_tokens


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
