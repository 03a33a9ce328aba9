# shellcheck shell=bash
# Sourced by the scripts beside it: what starting and stopping a dev server has in common.
#
# A running server is a folder with two files: `pid`, and `started`, that process's start time as
# the kernel counts it. A number alone may since have gone to somebody else's process, which must
# never get our signal; number and start time together can't.

dev=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Where things run and where downloads are kept; both are git-ignored.
run_root=${CHORUS_DEV_RUN:-$dev/.run}
cache_root=${CHORUS_DEV_CACHE:-$dev/.cache}
export run_root cache_root

# Standard output carries only NAME=value lines, so that `export $(deploy/dev/redis start)` works.
say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
die() { say "$*"; exit 1; }
usage_error() { say "$* (see --help)"; exit 64; }

# The comment block at the top of a script is its help.
help() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"; }

need_port() { # OPTION VALUE
  if [[ ! $2 =~ ^[1-9][0-9]{0,4}$ ]] || (( $2 > 65535 )); then
    usage_error "$1 takes a port, not '$2'"
  fi
}

may_install() { (( EUID == 0 )) && command -v apt-get >/dev/null; }

# Debian packages, when we may install them; otherwise one line that says which.
apt_install() {
  may_install || die "missing: $*. Install it first (Debian, Ubuntu: sudo apt-get install $*)"
  say "installing $*"
  apt_get install -y --no-install-recommends "$@"
}

# Renews the package lists, which are empty or old on a new machine; once in a script's run.
apt_update() {
  [[ -z ${apt_updated:-} ]] || return 0
  apt_get update
  apt_updated=yes
}

# Quiet unless it fails.
apt_get() {
  local log
  [[ $1 == update ]] || apt_update
  log=$(mktemp)
  if ! DEBIAN_FRONTEND=noninteractive apt-get -q "$@" </dev/null >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    die "apt-get $1 failed; its last lines are above, all of them in $log"
  fi
  rm -f "$log"
}

# True when something listens on HOST PORT, whoever it is.
# shellcheck disable=SC2016 # $0 and $1 are the inner shell's
listening() { timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null; }

# need_free FOLDER HOST PORT: before a server of FOLDER's is launched there. One that was killed a
# moment ago keeps its port until its last thread is gone, so with a dead one on record we wait.
need_free() {
  local deadline=$((SECONDS + 10))
  while listening "$2" "$3"; do
    if [[ ! -e $1/pid ]] || (( SECONDS >= deadline )); then
      die "$2:$3 is taken by something this script did not start: choose another with --port"
    fi
    sleep 0.1
  done
}

# Start time of process $1, in ticks since boot; fails when there is none or it is a zombie (where
# nothing reaps orphans, as in a bare container, a killed server stays one).
start_time() {
  local stat fields
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The name, field 2, may hold spaces and brackets: count from behind it.
  read -r -a fields <<<"${stat##*) }"
  [[ ${fields[0]} != Z ]] || return 1
  echo "${fields[19]}"
}

# Prints the pid of the live server recorded in folder $1, or fails.
live_pid() {
  local pid started
  { read -r pid <"$1/pid" && read -r started <"$1/started"; } 2>/dev/null || return 1
  [[ -n $started && $(start_time "$pid") == "$started" ]] || return 1
  echo "$pid"
}

# launch FOLDER COMMAND…: in the background, in a session of its own (the terminal's Ctrl-C is for
# the script, which then stops its servers in order), all output to FOLDER/log.
launch() {
  local folder=$1 pid
  shift
  [[ ! -e $folder/log ]] || mv "$folder/log" "$folder/log.1"
  # 9 is lock_folder's: a server that inherited it would hold the lock for life.
  setsid "$@" </dev/null >"$folder/log" 2>&1 9>&- &
  pid=$!
  start_time "$pid" >"$folder/started" || true
  echo "$pid" >"$folder/pid"
}

# await FOLDER SECONDS CHECK…: until CHECK succeeds; fails when the server died or time is up. (CHECK
# sees our locals: none may be called like a variable that it takes for the script's own.)
await() {
  local awaited=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@"; do
    live_pid "$awaited" >/dev/null || { log_tail "$awaited" "it ended while starting"; return 1; }
    (( SECONDS < deadline )) || { log_tail "$awaited" "no answer in time"; return 1; }
    sleep 0.2
  done
}

log_tail() {
  say "$2; the end of $1/log:"
  tail -n 30 "$1/log" | cut -c 1-300 >&2
}

# terminate FOLDER SECONDS: SIGTERM, and SIGKILL for what is still there after SECONDS.
terminate() {
  local folder=$1 deadline=$((SECONDS + $2)) pid
  if pid=$(live_pid "$folder"); then
    kill "$pid" 2>/dev/null || true
    while live_pid "$folder" >/dev/null; do
      if (( SECONDS >= deadline )); then
        say "pid $pid ignored SIGTERM for $2 s: killed"
        kill -9 "$pid" 2>/dev/null || true
      fi
      sleep 0.1
    done
  fi
  rm -f "$folder/pid" "$folder/started"
}

# One start or stop at a time per folder.
lock_folder() {
  exec 9>"$1/lock"
  flock 9
}

# need_venv FOLDER REQUIREMENTS: a virtual environment that stays until what it holds changes.
need_venv() {
  cmp -s "$2" "$1/requirements.txt" && return
  python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
  say "installing what $2 lists in $1"
  rm -rf "$1"
  python3 -m venv "$1"
  "$1/bin/pip" install --quiet --disable-pip-version-check -r "$2"
  cp "$2" "$1/requirements.txt"
}
