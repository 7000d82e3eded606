# SPDX-License-Identifier: Apache-2.0
# tools/dev/test_stages.sh - the stages of tools/test; sourced. Each runs to its end and adds to the
# counts, so that one failure never hides another; stage_summary prints them and exits.

FUZZ_SECONDS=${FUZZ_SECONDS:-25}
passed=0 failed=0
failures=()
broken=" " # presets that did not build

stage_start() {
	stage_name=$1
	stage_began=$SECONDS
	echo
	echo "=== $stage_name"
}

stage_end() {
	echo "=== $stage_name: $((SECONDS - stage_began)) s"
}

count_failure() {
	failed=$((failed + 1))
	failures+=("$1")
}

stage_build() {
	stage_start "build $1"
	if ! "$TOP/tools/build" "$1"; then
		count_failure "build of preset $1"
		broken="$broken$1 "
	fi
	stage_end
}

# stage_ctest <preset> <pattern> <quick or full>
stage_ctest() {
	case $broken in *" $1 "*) return ;; esac
	stage_start "unit tests and checks, $1"
	local log=$TOP/build/.ctest.$1.log names
	SLUICE_TEST_MODE=$3 ctest --test-dir "build/$1" -j2 --output-on-failure --no-tests=ignore \
		--timeout 600 ${2:+-R "$2"} 2>&1 | tee "$log"
	local rc=${PIPESTATUS[0]}
	names=$(sed -nE 's/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: ([^ ]+) [ .]*(\*\*\*.*)$/\1 \2/p' "$log")
	passed=$((passed + $(grep -cE '^ *[0-9]+/[0-9]+ Test +#.* Passed ' "$log")))
	while read -r name why; do
		[ -z "$name" ] || [[ $why == \*\*\*Skipped* ]] || count_failure "$1: $name"
	done <<<"$names"
	[ "$rc" = 0 ] || [ -n "$names" ] || count_failure "$1: ctest ended with exit code $rc"
	stage_end
}

# stage_integration <preset> <pattern> [option of the runner]
stage_integration() {
	case $broken in *" $1 "*) return ;; esac
	stage_start "integration tests, $1"
	local log=$TOP/build/.integration.$1.log line
	python3 "$TOP/tests/integration/run.py" --build "build/$1" ${3:+"$3"} ${2:+"$2"} 2>&1 |
		tee "$log"
	line=$(tail -n 1 "$log")
	if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
		passed=$((passed + BASH_REMATCH[1]))
		while read -r name; do
			[ -z "$name" ] || count_failure "$1: $name"
		done < <(sed -nE 's/^FAILED ([^ ]+)$/\1/p' "$log")
	else
		count_failure "$1: the integration tests did not end"
	fi
	stage_end
}

# stage_piecewise <preset> <pattern>: what parses and passes bytes on, a byte at a time.
stage_piecewise() {
	local cases='^(probes|proxying|headers|paths|response_framing|routing|upstream_failures)/'
	[ -z "$2" ] || cases="$cases.*($2)"
	export SLUICE_PRELOAD=piecewise_io
	stage_integration "$1" "$cases"
	unset SLUICE_PRELOAD
}

# Corpora are replayed by ctest in every preset; here the targets run on their own for a while.
stage_fuzz() {
	stage_start "fuzz, $FUZZ_SECONDS s each"
	local targets
	if ! "$TOP/tools/build" fuzz fuzz_targets; then
		count_failure "build of preset fuzz"
		stage_end
		return
	fi
	targets=$(find "$TOP/build/fuzz/fuzz" -maxdepth 1 -type f -name 'fuzz_*' -perm -u+x | sort)
	[ -z "${1:-}" ] || targets=$(grep -E "$1" <<<"$targets")
	[ -n "$targets" ] || return
	while read -r verdict name; do
		if [ "$verdict" = passed ]; then
			passed=$((passed + 1))
		else
			count_failure "fuzz: $name (see build/fuzz/findings/$name)"
		fi
	done < <(xargs -P 2 -n 1 "$TOP/tools/dev/fuzz_one" "$TOP" "$FUZZ_SECONDS" <<<"$targets")
	stage_end
}

stage_summary() {
	local total=$((passed + failed)) f
	echo
	if [ $failed -gt 0 ]; then
		echo "What failed:"
		for f in "${failures[@]}"; do
			echo "  $f"
		done
	elif [ $total = 0 ]; then
		echo "no test matches"
		failed=1
	fi
	echo "Total time: $SECONDS s"
	echo "$((total ? passed * 100 / total : 0))% tests passed," \
		"$failed tests failed out of $total"
	echo "$passed passed, $failed failed"
	[ $failed = 0 ]
	exit
}
