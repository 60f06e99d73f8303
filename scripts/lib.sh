# What the scripts share. Sourced by bash with `set -euo pipefail`.

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gradcam.cpp
logs=$project/build/logs
mkdir -p "$cache" "$logs"

# The versions that scripts/setup keeps in the cache folder where the system has none.
emscripten=emscripten-3.1.69
xnnpack=xnnpack-20241108
node=node-22
oldest_emscripten=3.1.60
oldest_node=20

say() { printf '%s\n' "$*"; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# The comment at the top of the script, without its marks.
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; }

case " $* " in *" -h "* | *" --help "*)
  usage
  exit
  ;;
esac

have() { command -v "$1" >/dev/null; }

# version_at_least MINIMUM VERSION
version_at_least() { printf '%s\n%s\n' "$1" "$2" | sort --check=quiet --version-sort; }

node_is_new_enough() {
  have node && have npm && version_at_least "$oldest_node" "$(node --version | tr -d v)"
}

# Whether there is an Emscripten of the system's own that will do.
system_has_emscripten() {
  have em++ && version_at_least "$oldest_emscripten" \
    "$(em++ --version | grep -om1 '[0-9]\+\.[0-9]\+\.[0-9]\+')"
}

if ! node_is_new_enough; then
  PATH=$cache/$node/node_modules/.bin:$PATH
fi

# attempt NAME MESSAGE COMMAND...: runs a command quietly with its output in build/logs/NAME.log,
# prints one line, and the log's end if the command fails. Leaves the outcome in $status and the
# time in $seconds. Not for use in conditions, where bash would ignore errors inside the command.
attempt() {
  local log=$logs/$1.log started=$SECONDS
  printf '  %-56s ' "$2"
  set +e
  (set -e; "${@:3}") >"$log" 2>&1 </dev/null
  status=$?
  set -e
  seconds=$((SECONDS - started))
  if [ $status = 0 ]; then
    printf '%4d s\n' $seconds
  else
    printf '%4d s  FAILED\n' $seconds
    tail -n 40 "$log" | sed 's/^/    | /'
    printf '    (all of it: %s)\n' "${log#"$project"/}"
  fi
}

# As attempt, but a failure ends the script.
must() {
  attempt "$@"
  [ $status = 0 ] || exit 1
}

# configure_and_build PRESET [TARGET...]
configure_and_build() {
  cmake --preset "$1"
  cmake --build --preset "$1" ${2:+--target "${@:2}"}
}
