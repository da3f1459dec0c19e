"""More changes of the step loop: of who is visited, preempted and kept, and of what the ledger says of them.

Each is the rule that it breaks, its name, the function, the text and what it becomes, and the policy that keeps the
rule without it.
"""

REFERENCE = "reference"

CHANGES_OF_ORDER = [
    ("possible", "look for what is kept in the list", "running_turn", "policy.preempts_only_decodes and ledger.num_visited >= ledger.num_running", "False", "7444"),
    ("no_overshoot", "pass nobody", "running_turn", "num_visited=ledger.num_visited + 1", "num_visited=ledger.num_visited", REFERENCE),
    ("no_overshoot", "pass two", "running_turn", "num_visited=ledger.num_visited + 1", "num_visited=ledger.num_visited + 2", REFERENCE),
    ("possible", "abort prompts", "running_turn", "request.is_aborted and request.is_decoding", "request.is_aborted", "original"),
    ("possible", "continue without blocks", "running_turn", "not has_blocks_to_continue(ledger, request, grant, queues, config, policy)", "False", "7444"),
    ("possible", "preempt the last, whoever it is", "decode_preemption", "queues.last_decode(ledger, config)", "ledger.num_running - 1", "7444"),
    ("possible", "preempt prompts too", "running_turn", "            return decode_preemption(ledger, request, queues, config)", "            pass", "7444"),
    ("possible", "keep who was kept before", "preempt_decode", "num_kept=0", "num_kept=ledger.num_kept", "7444"),
    ("possible", "keep one too many", "preempt_decode", "ledger.num_running - 1 - position", "ledger.num_running - position", "7444"),
    ("possible", "keep one too few", "preempt_decode", "ledger.num_running - 1 - position", "ledger.num_running - 2 - position", "7444"),
    ("possible", "forget who was kept before", "preempt_decode", "num_kept=ledger.num_kept + num_between", "num_kept=num_between", "7444"),
    ("possible", "keep nobody", "preempt_decode", "num_kept=ledger.num_kept + num_between", "num_kept=ledger.num_kept", "7444"),
    ("possible", "the list is as long as before", "preempt_decode", "num_running=position, num_kept=ledger", "num_kept=ledger", "7444"),
    ("possible", "preempt whoever is last", "has_decode_status", "request.is_decoding or config.role == Role.DECODE", "True", "7444"),
    ("no_overshoot", "take two slots", "admit", "else ledger.num_slots_used + 1", "else ledger.num_slots_used + 2", REFERENCE),
    ("possible", "skip nobody", "waiting_turn", "num_asked=ledger.num_asked + 1", "num_asked=ledger.num_asked", "original"),
    ("possible", "skip two", "waiting_turn", "num_asked=ledger.num_asked + 1", "num_asked=ledger.num_asked + 2", "original"),
    ("no_overshoot", "ask one more than wait", "waiting_turn", "ledger.num_asked >= ledger.num_waiting", "ledger.num_asked > ledger.num_waiting", REFERENCE),
    ("budget_tight", "run no single token", "ask", "chunk == 0", "chunk <= 1", REFERENCE),
    ("blocks_cover_tokens", "count a chunk"s blocks one token short", "ask", "prefill_blocks(request, chunk, config)", "prefill_blocks(request, chunk - 1, config)", REFERENCE),
    ("no_overshoot", "visit a prompt again", "run_prefill", "ledger.num_visited + 1", "ledger.num_visited", REFERENCE),
    ("no_overshoot", "leave out who is behind a prompt", "run_prefill", "ledger.num_visited + 1", "ledger.num_visited + 2", REFERENCE),
    ("possible", "pay for a decode", "run_decode", "ledger.budget - policy", "ledger.budget + policy", "original"),
    ("possible", "an aborted decode frees what others share", "end_decode", " - request.num_shared_blocks", "", "original"),
    ("possible", "go past who is behind an aborted decode", "end_decode", "ledger.num_visited + 1", "ledger.num_visited + 2", "original"),
    ("no_overshoot", "two leave for one", "preempt", "ledger.num_running - 1", "ledger.num_running - 2", REFERENCE),
    ("no_overshoot", "count a victim twice", "preempt", "ledger.num_preempted + 1", "ledger.num_preempted + 2", REFERENCE),
    ("no_overshoot", "who asks leaves", "running_turn", "queues.running[ledger.num_running - 1]", "request", REFERENCE),
    ("no_overshoot", "open without held slots", "open_step", "num_slots_used=num_slots_used", "num_slots_used=num_running", REFERENCE),
    ("no_overshoot", "open without the last", "open_step", "num_running=num_running", "num_running=num_running - 1", REFERENCE),
    ("no_overshoot", "a victim keeps its slot no longer", "preempt", "num_running=ledger.num_running - 1,", "num_running=ledger.num_running - 1, num_slots_used=ledger.num_slots_used - 1,", REFERENCE),
]
