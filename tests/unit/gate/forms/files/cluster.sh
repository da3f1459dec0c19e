#!/bin/bash
set -e

# Waits until every server of a comma-separated list answers.
wait_until_ready() {
    IFS=',' read -r -a ports <<< "$1"
    local begin=$(date +%s)
    while true; do
        local all_ready=true
        for port in "${ports[@]}"; do
            code=$(curl -s -o /dev/null -w "%{http_code}" "http://0.0.0.0:${port}/health" || echo "000")
            if [ "$code" -ne 200 ]; then
                all_ready=false
                printf "Port %s: \033[0;31m[WAIT]\033[0m %s\n" "$port" "$code"
            fi
        done
        [ "$all_ready" = "true" ] && break || sleep 1
        echo "waiting [$(($(date +%s) - begin))s]"
    done
}

MODEL="PaddlePaddle/ERNIE-4.5-21B-A3B-Paddle"
RANKS=2
GPUS=$(($RANKS * 1))
SCRIPT=$(readlink -f "$0")
HERE=$(dirname "$SCRIPT")
export FD_DEBUG=1 ENABLE_V1_KVCACHE_SCHEDULER=1
export $(bash ${HERE}/../nics.sh gpu)
if [ -z "${KVCACHE_RDMA_NICS}" ]; then
  echo "no NICs, is $HERE/nics.sh there?"; exit 1
fi
[ -x /usr/local/bin/fd-router ] || {
    wget -q https://example.com/fd-router -O /usr/local/bin/fd-router && chmod +x /usr/local/bin/fd-router
}
unset http_proxy && unset https_proxy

ROUTER=$(bash $HERE/free_port.sh 1)
nohup python -m fastdeploy.router.launch --port ${ROUTER} --splitwise 2>&1 >router.log &

P_PORTS=$(bash $HERE/free_port.sh $RANKS)
nohup python -m fastdeploy.entrypoints.openai.multi_api_server \
    --num-servers ${RANKS}\
    --ports ${P_PORTS} \
    --args --model ${MODEL} \
    --max-model-len 32768 \
    --max-num-seqs 6 \
    --data-parallel-size ${RANKS} \
    --splitwise-role "prefill" \
    --router "0.0.0.0:${ROUTER}" \
2>&1 >prefill.log &
wait_until_ready ${P_PORTS}

CUDA_VISIBLE_DEVICES=6,7 nohup python -m fastdeploy.entrypoints.openai.api_server \
    --model ${MODEL} --splitwise-role "decode" --max-num-seqs 7 \
    --router "0.0.0.0:${ROUTER}" 2>&1 > decode.log &
wait_until_ready 8200

curl -X POST "http://0.0.0.0:${ROUTER}/v1/chat/completions" -H "Content-Type: application/json" \
-d '{
  "messages": [{"role": "user", "content": "hello"}],
  "stream": false
}'
