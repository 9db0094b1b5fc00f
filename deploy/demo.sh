#!/usr/bin/env bash
# The demo: profiles/small.yaml in a temporary clone; this checkout is never touched.
set -euo pipefail
folder=$1
port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

ask() { # URL [JSON]: print the answer's body, fail where there is none
  python - "$@" <<'PY'
import sys, urllib.request
url, *body = sys.argv[1:]
data = body[0].encode() if body else None
request = urllib.request.Request(url, data, {"content-type": "application/json"})
with urllib.request.urlopen(request) as answer:
    print(answer.read().decode())
PY
}

caretune params merge profiles/small.yaml "$folder"
cd "$folder"
dvc repro --quiet release report@evaluation
caretune gate || true

echo
echo "== one scanned message"
echo '{"text": "I keep thinking they would all be better off without me.", "role": "user"}' | caretune scan

echo
echo "== one served reply (a toy that has seen almost nothing)"
bentoml serve . --port "$port" >serve.log 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
for _ in $(seq 120); do
  ask "http://127.0.0.1:$port/readyz" >/dev/null 2>&1 && break
  kill -0 $server 2>/dev/null || { cat serve.log; exit 1; }
  sleep 0.5
done
ask "http://127.0.0.1:$port/v1/chat/completions" \
  '{"model": "caretune", "messages": [{"role": "user", "content": "I cannot sleep before exams."}]}'
echo
echo "report: $folder/reports/evaluation.html"
echo "serve:  cd $folder && bentoml serve ."
