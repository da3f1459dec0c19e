#!/usr/bin/env bash
# The decode node of a prefill/decode pair, with MTP: 100 sequences of 4 tokens are 400 tokens a step.
python -m fastdeploy.entrypoints.openai.api_server \
    --model /models/ERNIE-4.5-300B-A47B \
    --tensor-parallel-size 4 \
    --splitwise-config '{"role": "decode"}' \
    --speculative-config '{"method": "mtp", "num_speculative_tokens": 3}' \
    --max-model-len 32768 \
    --max-num-seqs 100
