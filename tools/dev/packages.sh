# SPDX-License-Identifier: Apache-2.0
# tools/dev/packages.sh - the Debian packages that the project needs; sourced, never run.
#
#   packages_install build test     installs what is missing of these groups, nothing else
#   validator_provide               a validator of JSON Schema, and a YAML parser, for tests
#   peers_provide                   clients and servers of others (tests/peers), where there is an npm
#   llhttp_provide                  sets LLHTTP_ARGS, what cmake needs to find llhttp
#
# Works on Debian 12 and 13, as root or through sudo. When all is there, apt is not even started.

packages_of_build="build-essential cmake ninja-build pkg-config libevent-dev libssl-dev
	libluajit-5.1-dev libyaml-dev libpcre2-dev libjansson-dev libc-ares-dev libxml2-dev
	libcurl4-openssl-dev libzstd-dev zlib1g-dev libbrotli-dev libsodium-dev libnghttp2-dev libhiredis-dev check"
# python3, not -minimal: http.server, json and ssl are in the full one.
packages_of_test="curl openssl python3 procps ca-certificates ccache nginx-light haproxy nodejs zstd minisign nghttp2-client
	tinyproxy-bin redis-server"
packages_of_full="clang llvm abigail-tools slowhttptest testssl.sh"
packages_of_bench="nginx-light haproxy varnish redis-server wrk nghttp2-client valgrind util-linux strace"
packages_have_apt_lists=no

packages_debian_release() {
	# Testing and unstable have no VERSION_ID: newer than any number here.
	(. /etc/os-release && echo "${VERSION_ID:-99}" | cut -d. -f1)
}

# The names of a group on this release.
packages_of() {
	local release
	release=$(packages_debian_release)
	eval "echo \$packages_of_$1"
	case $1 in
	build) [ "$release" -le 12 ] || echo libllhttp-dev ;;
	full) [ "$release" -gt 12 ] && echo libclang-rt-dev || echo libclang-rt-14-dev ;;
	esac
}

packages_is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] && return
	# One package may stand in for another: any nginx serves as nginx-light.
	case $1 in
	nginx-light) command -v nginx >/dev/null ;;
	python3) python3 -c 'import http.server, json, ssl' 2>/dev/null ;;
	*) false ;;
	esac
}

packages_as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "packages: this needs root, and there is no sudo: $*" >&2
		return 1
	fi
}

packages_update_lists() {
	[ $packages_have_apt_lists = no ] || return 0
	packages_as_root apt-get -q -o DPkg::Lock::Timeout=500 update
	packages_have_apt_lists=yes
}

packages_install() {
	local group name missing=
	for group in "$@"; do
		for name in $(packages_of "$group"); do
			packages_is_installed "$name" || missing="$missing $name"
		done
	done
	[ -n "$missing" ] || return 0
	echo "packages: installing$missing"
	packages_update_lists
	# shellcheck disable=SC2086 # a list of names
	packages_as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y \
		--no-install-recommends -o DPkg::Lock::Timeout=500 $missing
}

# Debian 12 ships llhttp's C sources in node-llhttp, which depends on all of Node.js: the package is
# unpacked beside the build instead of installed. Needs the variable TOP, the project's folder.
llhttp_provide() {
	local dir=$TOP/build/llhttp
	LLHTTP_ARGS=()
	[ "$(packages_debian_release)" -le 12 ] || return 0
	[ ! -e /usr/share/llhttp/llhttp.c ] || return 0
	if [ ! -e "$dir/usr/share/llhttp/llhttp.c" ]; then
		packages_update_lists
		rm -rf "$dir" && mkdir -p "$dir"
		(cd "$dir" && apt-get -q -o APT::Sandbox::User=root download node-llhttp)
		dpkg-deb -x "$dir"/node-llhttp_*.deb "$dir"
	fi
	LLHTTP_ARGS=(-DLLHTTP_SOURCE_DIR="$dir/usr/share/llhttp"
		-DLLHTTP_INCLUDE_DIR="$dir/usr/share/include/llhttp")
}

# gRPC's and WebSocket's stock libraries below build/peers, as tests/peers/package-lock.json has them.
peers_provide() {
	local dir=$TOP/build/peers
	command -v npm >/dev/null || return 0
	! cmp -s "$TOP/tests/peers/package-lock.json" "$dir/package-lock.json" ||
		[ ! -d "$dir/node_modules" ] || return 0
	mkdir -p "$dir" && cp "$TOP"/tests/peers/package*.json "$dir"
	npm ci --prefix "$dir" --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved \
		--loglevel=error
}

# ajv and js-yaml below build/node: by npm where there is one, else from Debian's packages, unpacked beside
# the build, since they depend on others that would be installed with them.
validator_provide() {
	local dir=$TOP/build/node name
	[ ! -d "$dir/node_modules/ajv" ] || [ ! -d "$dir/node_modules/js-yaml" ] || return 0
	rm -rf "$dir" && mkdir -p "$dir"
	if command -v npm >/dev/null; then
		npm install --prefix "$dir" --no-audit --no-fund --loglevel=error ajv@8 js-yaml@4
		return
	fi
	packages_update_lists
	for name in node-ajv node-fast-deep-equal node-json-schema-traverse node-json-stable-stringify \
		node-uri-js node-punycode node-js-yaml node-argparse node-esprima; do
		(cd "$dir" && apt-get -q -o APT::Sandbox::User=root download $name) || return
		dpkg-deb -x "$dir/$name"_*.deb "$dir"
	done
	mkdir "$dir/node_modules"
	cp -rL "$dir"/usr/share/nodejs/* "$dir"/usr/lib/nodejs/* "$dir/node_modules/" 2>/dev/null
	[ -d "$dir/node_modules/ajv" ] && [ -d "$dir/node_modules/js-yaml" ]
}
