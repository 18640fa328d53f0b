#!/usr/bin/env bash
# Filters, flat and as a tree. Publishes three prices, then asks with equality, a list, a range, a
# time, `ne`, `contains` and `not`, without the model (`"mode": "search"`).
set -euo pipefail
freshet="${FRESHET:-http://127.0.0.1:8787}"
tenant="${TENANT:-demo}"

last="$(curl -sS --fail-with-body "$freshet/v1/documents" -H "x-tenant: $tenant" \
  -H 'content-type: application/x-ndjson' --data-binary @- <<'NDJSON' | grep -o '"seq":[0-9]*' | tail -1
{"id": "example-06-a", "text": "Coffee costs 3 euros.", "timestamp": "2026-01-10T08:00:00Z", "metadata": {"set": "example-06", "price": 3, "tags": ["hot", "drink"]}}
{"id": "example-06-b", "text": "Lemonade costs 4 euros.", "timestamp": "2026-02-10T08:00:00Z", "metadata": {"set": "example-06", "price": 4, "tags": ["cold", "drink"]}}
{"id": "example-06-c", "text": "Cake costs 5 euros.", "timestamp": "2026-03-10T08:00:00Z", "metadata": {"set": "example-06", "price": 5, "tags": ["sweet"]}}
NDJSON
)"

# expect IDS FILTER: the ids that a search with this filter finds, in order.
expect() {
  local question found
  question="{\"query\": \"What does it cost?\", \"mode\": \"search\", \"min_seq\": ${last#*:}, \"filter\": $2}"
  found="$(curl -sS "$freshet/answer" -H "x-tenant: $tenant" -H 'content-type: application/json' \
    -d "$question" | grep -o '"id":"example-06-.' | sort -u | grep -o '.$' | tr -d '\n')"
  echo "$2 finds: $found"
  [[ "$found" == "$1" ]] || {
    echo "expected $1" >&2
    exit 1
  }
}

expect abc '{"metadata.set": "example-06"}'
expect b '{"metadata.set": "example-06", "metadata.price": 4}'
expect ab '{"metadata.set": "example-06", "metadata.tags": "drink"}'
expect ac '{"metadata.set": "example-06", "metadata.tags": ["hot", "sweet"]}'
expect bc '{"metadata.set": "example-06", "metadata.price": {"gt": 3, "lte": 5}}'
expect ab '{"metadata.set": "example-06", "timestamp": {"lt": "2026-03-01T00:00:00Z"}}'
expect c '{"id": ["example-06-c", "example-06-none"]}'
# The same as a tree, in the grammar of OpenAI's vector stores, with `not`, `exists`, `contains`.
set='{"type": "eq", "key": "set", "value": "example-06"}'
expect ac "{\"type\": \"and\", \"filters\": [$set, {\"type\": \"ne\", \"key\": \"price\", \"value\": 4}]}"
expect b "{\"type\": \"and\", \"filters\": [$set, {\"type\": \"contains\", \"key\": \"tags\", \"value\": [\"cold\", \"drink\"]}]}"
expect c "{\"type\": \"and\", \"filters\": [$set, {\"type\": \"not\", \"filter\": {\"type\": \"lte\", \"key\": \"price\", \"value\": 4}}]}"
