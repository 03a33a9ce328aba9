#!/usr/bin/env bash
# A viewer by curl: prints each event as a line of JSON, and comes back with the last id.
set -uo pipefail
last_id=$(mktemp)
trap 'rm -f "$last_id"' EXIT

# The data is one line of JSON already; as a string of JSON its quotes are escaped.
print() { # TYPE ID DATA
  local data=${3//\\/\\\\}
  printf '{"type":"%s","id":"%s","data":"%s"}\n' "$1" "$2" "${data//\"/\\\"}"
}

events() {
  local line type='' id='' data=''
  while IFS= read -r line; do
    case $line in
      'event: '*) type=${line#event: } ;;
      'data: '*) data=${line#data: } ;;
      'id: '*) id=${line#id: } ;;
      '')
        [[ -z $id ]] || echo "$id" >"$last_id"
        [[ -z $data ]] || print "$type" "$id" "$data"
        type='' data=''
        ;;
    esac
  done
}

while true; do
  headers=()
  [[ ! -s $last_id ]] || headers=(-H "Last-Event-ID: $(<"$last_id")")
  curl --silent --show-error --no-buffer "${headers[@]}" "$1" | events
  sleep 0.2
done
