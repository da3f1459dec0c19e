"""Changes of where requests are and whether they are served, by the invariant that each breaks."""

from proofs.mutants.mutant import Mutant

ENGINE = "schedproof.engines.fastdeploy.life.engine"

MUTANTS: dict[str, tuple[Mutant, ...]] = {
    "requests_conserved": (
        Mutant(
            name="forget to leave the old queue",
            module="schedproof.engines.fastdeploy.life.places",
            function="Places._take_out",
            old="self.queues[place].remove(request_id)",
            new="pass",
        ),
        Mutant(
            name="let a request in twice",
            module="schedproof.engines.fastdeploy.life.places",
            function="Places.enter",
            old="request_id in self.place_of",
            new="False",
        ),
        Mutant(
            name="allow any move",
            module="schedproof.engines.fastdeploy.life.places",
            function="Places._take_out",
            old="to not in MOVES[place]",
            new="False",
        ),
        Mutant(
            name="end a request and keep it queued",
            module="schedproof.engines.fastdeploy.life.places",
            function="Places.leave",
            old="self.queues[place].remove(request_id)",
            new="pass",
        ),
    ),
    "progress": (
        Mutant(
            name="visit nobody without budget",
            module="schedproof.engines.fastdeploy.reference_policy",
            function="ReferencePolicy.keeps_visiting",
            old="return True",
            new="return budget > 0",
        ),
        Mutant(
            name="grow by a fixed number of blocks, which may be none",
            module="schedproof.engines.fastdeploy.rules.blocks",
            function="decode_blocks",
            old="max(missing, min(config.enc_dec_block_num, room), 0)",
            new="config.enc_dec_block_num",
        ),
        Mutant(
            name="fill the table past its width",
            module="schedproof.engines.fastdeploy.rules.blocks",
            function="prefill_blocks",
            old="min(blocks, config.max_blocks_per_seq)",
            new="blocks",
        ),
        Mutant(
            name="wait for an item that alignment alone cuts",
            module="schedproof.engines.fastdeploy.rules.chunk",
            function="next_chunk",
            old="item.end <= request.num_computed_tokens + budget",
            new="False",
        ),
        Mutant(
            name="a preempted request goes to the end of the queue",
            module="schedproof.engines.fastdeploy.life.places",
            function="Places.move_to_front",
            old="insert(0, request_id)",
            new="append(request_id)",
        ),
        Mutant(
            name="a new request goes to the front",
            module="schedproof.engines.fastdeploy.life.places",
            function="Places.enter",
            old="self.queues[place].append(request_id)",
            new="self.queues[place].insert(0, request_id)",
        ),
        Mutant(
            name="acknowledge a preempted request behind those who wait",
            module=ENGINE,
            function="Engine.acknowledge",
            old="self.places.move_to_front(request_id, Place.WAITING)",
            new="self.places.move(request_id, Place.WAITING)",
        ),
        Mutant(
            name="admit in front of those who run",
            module=ENGINE,
            function="Engine.admit",
            old="self.places.move(request.request_id, Place.RUNNING)",
            new="self.places.move_to_front(request.request_id, Place.RUNNING)",
        ),
        Mutant(
            name="preempt in front of those who are preempted",
            module=ENGINE,
            function="Engine.preempt",
            old="self.places.move(request_id, Place.PREEMPTED)",
            new="self.places.move_to_front(request_id, Place.PREEMPTED)",
        ),
        Mutant(
            name="take no prompt on a prefill node",
            module="schedproof.engines.fastdeploy.policy",
            function="Policy.takes_another_prompt",
            old="return True",
            new="return False",
        ),
    ),
}
