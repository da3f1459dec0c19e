#!/usr/bin/env bash
# Starts a prefill and a decode node on one machine.
set -euo pipefail
MODEL=${MODEL:-/models/ernie}
LOGS=logs
mkdir -p "$LOGS"

cat > common.yaml <<CONFIG
max_model_len: 16384
max_num_seqs: 20
CONFIG

common=(
  --model "$MODEL"
  --config common.yaml
  --router 127.0.0.1:9000   # started elsewhere
)

start() {
  local role=$1 port=$2
  shift 2
  nohup env CUDA_VISIBLE_DEVICES="$port" FD_DETERMINISTIC_MODE=1 \
    python -m fastdeploy.entrypoints.openai.api_server "${common[@]}" \
    --port "$port" --splitwise-role "$role" "$@" > "$LOGS/$role.log" 2>&1 &
}

start prefill 8100
for port in 8200 8300; do
  start decode "$port" --block-size 32
done
wait
