#!/usr/bin/env bash
# Publishes one document over HTTP and asks for it at once. The `seq` of the publish goes into the
# question as `min_seq`, so the answer has seen it, however soon it comes (read your writes).
set -euo pipefail
freshet="${FRESHET:-http://127.0.0.1:8787}"
tenant="${TENANT:-demo}"

post() {
  curl -sS --fail-with-body "$freshet$1" -H "x-tenant: $tenant" -H 'content-type: application/json' -d "$2"
}

receipt="$(post /v1/documents '{
  "id": "example-01-ferry",
  "title": "Ferry notice",
  "text": "From Monday on the ferry to Ness leaves at 07:15 from pier nine."
}')"
echo "published: $receipt"
seq="$(sed -n 's/.*"seq":\([0-9]*\).*/\1/p' <<<"$receipt")"

answer="$(post /answer "{\"query\": \"When does the ferry to Ness leave?\", \"top_k\": 2, \"min_seq\": $seq}")"
echo "answered: $answer"

grep -q '"id":"example-01-ferry"' <<<"$answer" || {
  echo 'the answer does not rest on the document' >&2
  exit 1
}
