#!/usr/bin/env bash
# A viewer by curl and awk: prints each event as a line of JSON, and comes back with the last id.
set -uo pipefail
id_file=$(mktemp)
trap 'rm -f "$id_file"' EXIT
while true; do
  headers=()
  [[ ! -s $id_file ]] || headers=(-H "Last-Event-ID: $(<"$id_file")")
  # (The data is JSON already, on one line; as a string of JSON its quotes are escaped.)
  curl --silent --show-error --no-buffer "${headers[@]}" "$1" | awk -v id_file="$id_file" '
    /^event: / { type = substr($0, 8) }
    /^data: / { data = substr($0, 7) }
    /^id: / { id = substr($0, 5) }
    /^$/ {
      if (id != "") { print id > id_file; close(id_file) }
      gsub(/\\/, "\\\\", data); gsub(/"/, "\\\"", data)
      if (data != "") printf "{\"type\":\"%s\",\"id\":\"%s\",\"data\":\"%s\"}\n", type, id, data
      fflush(); type = ""; data = ""
    }'
  sleep 0.2
done
