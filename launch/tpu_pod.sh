#!/usr/bin/env bash
# One vgjax run on all hosts of a Cloud TPU pod slice. Not run on a real pod yet.
#
#   TPU=my-pod ZONE=us-central2-b launch/tpu_pod.sh --config configs/moving_mnist/simvp_v2.py \
#     --workdir /mnt/shared/runs/simvp_v2
#
# Needs gcloud, the project's folder at ~/vgjax on every host, and a workdir that all hosts see. The same line
# again resumes the run.
set -euo pipefail
: "${TPU:?set TPU to the name of the TPU}" "${ZONE:?set ZONE to its zone}"

# What each host does. The machine's metadata says which hosts there are: "name:id:ip,..." or "host,...".
host=$(
  cat <<'HOST'
set -euo pipefail
metadata() {
  curl -sf -H "Metadata-Flavor: Google" "http://metadata.google.internal/computeMetadata/v1/instance/attributes/$1"
}
hosts=$(metadata worker-network-endpoints | tr , '\n' | awk -F: '{print $NF}')
export JAX_COORDINATOR_ADDRESS="$(head -n 1 <<<"$hosts"):8476"
export JAX_NUM_PROCESSES="$(wc -l <<<"$hosts")"
export JAX_PROCESS_ID="$(metadata agent-worker-number)"

cd ~/vgjax
test -d .venv || python3 -m venv .venv
. .venv/bin/activate
pip install --quiet . "jax[tpu]<0.13"
HOST
)
gcloud compute tpus tpu-vm ssh "$TPU" --zone="$ZONE" --worker=all \
  --command="$host
python -m vgjax.launch $(printf '%q ' "$@")"
