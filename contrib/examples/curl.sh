#!/bin/sh
# Everything that ZoldyQ does, with curl: contrib/examples/curl.sh
# The server is the one of ZOLDYQ_URL, with the token of ZOLDYQ_TOKEN. The queue is a new one.
set -eu

url=${ZOLDYQ_URL:-http://localhost:9000}
queue=curl-$$

# Prints what is asked and what is answered; fails where curl cannot reach the server or the answer is
# an error.
ask() {
    printf '\n> %s\n' "$*"
    # A flag would show the token in the list of processes; a file descriptor does not.
    printf 'header = "Authorization: Bearer %s"\n' "${ZOLDYQ_TOKEN:-none}" |
        curl --silent --show-error --fail-with-body --max-time 30 --config - "$@"
    echo
}

echo "-- create a queue with room for ten messages; without this, the first message creates it"
ask -X PUT "$url/queues/$queue" -d '{"capacity": 10}'

echo "-- send one message, several, and one a line; a payload is any JSON"
ask "$url/queues/$queue/enqueue" -d '{"payload": {"to": "user@example.com", "price": 1.10}}'
ask "$url/queues/$queue/enqueue" -d '{"payloads": [1, "two", null]}'
ask "$url/queues/$queue/enqueue" -H 'Content-Type: application/x-ndjson' \
    --data-binary '{"line": 1}
{"line": 2}'

echo "-- look at the first two messages, and at the figures of the queue"
ask "$url/queues/$queue/peek?count=2"
ask "$url/queues/$queue"

echo "-- take one message, then up to two, then the rest with one payload a line"
ask "$url/queues/$queue/dequeue"
ask "$url/queues/$queue/dequeue?count=2"
ask "$url/queues/$queue/dequeue?count=100" -H 'Accept: application/x-ndjson'

echo "-- wait a second for a message that does not come: 204, no body"
ask "$url/queues/$queue/dequeue?timeout=1" --write-out '%{http_code}'

echo "-- wait for a message that somebody sends meanwhile"
(sleep 0.5 && ask "$url/queues/$queue/enqueue" -d '{"payload": "just in time"}' >/dev/null) &
ask "$url/queues/$queue/dequeue?timeout=10"
wait $!

echo "-- drop all messages, and delete the queue"
ask "$url/queues/$queue/enqueue" -d '{"payload": "never read"}'
ask -X POST "$url/queues/$queue/purge"
ask -X DELETE "$url/queues/$queue"

echo "-- is the server well, would it take messages, and what does Prometheus get to see"
ask "$url/health"
ask "$url/ready"
ask "$url/metrics" | grep -E '^(>|zoldyq_build_info)'
