# SPDX-License-Identifier: Apache-2.0
# tools/dev/test_stages.sh - the stages of tools/test; sourced. Each runs to its end and adds to the
# counts, so that one failure never hides another; stage_summary prints them and exits. Who sees no more
# than the last lines of a run sees what failed there, and how it ended.

FUZZ_SECONDS=${FUZZ_SECONDS:-25}
REASON_LINES=15 # of each failure; of so many failures:
REASONS=10
THREADED="base observe loop net policy upstream proxy services state" # folders of core with threads
passed=0 failed=0
failures=()
reasons=()
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

# count_failure <name> [what it said]
count_failure() {
	failed=$((failed + 1))
	failures+=("$1")
	[ -z "${2:-}" ] || reasons+=("$1
$(tail -n $REASON_LINES <<<"$2")")
}

# stage_build <preset> [target...]
stage_build() {
	stage_start "build $1"
	local log=$TOP/build/.build.$1.log
	mkdir -p "$TOP/build"
	"$TOP/tools/build" "$@" 2>&1 | tee "$log"
	if [ "${PIPESTATUS[0]}" != 0 ]; then
		count_failure "build of preset $1" "$(grep -v '^\[' "$log")"
		broken="$broken$1 "
	fi
	stage_end
}

# stage_build_threaded <preset> <pattern>: without a pattern, what is installed and what is run of the tests.
stage_build_threaded() {
	local targets=() folder
	if [ -z "$2" ]; then
		targets=({core,sdk,plugins,tools}/all schemas tests/{hostile,steering,framing,callout,witness}/all)
		for folder in $THREADED; do
			targets+=("unit_$folder")
		done
	fi
	stage_build "$1" "${targets[@]}"
}

# what_a_test_said <preset> <name>
what_a_test_said() {
	awk -v name="$2" '/^[0-9]+\/[0-9]+ Testing: / { is_it = $3 == name; next }
		/^<end of output>$/ { is_told = 0; is_it = 0 }
		is_told { print }
		is_it && /^-+$/ { is_told = 1 }' "$TOP/build/$1/Testing/Temporary/LastTest.log"
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
		[ -z "$name" ] || [[ $why == \*\*\*Skipped* ]] ||
			count_failure "$1: $name" "$(what_a_test_said "$1" "$name")"
	done <<<"$names"
	[ "$rc" = 0 ] || [ -n "$names" ] ||
		count_failure "$1: ctest ended with exit code $rc" "$(cat "$log")"
	stage_end
}

# Lines "FAILED name", each before the end of what it wrote, which is indented.
count_failed_cases() {
	local name= said= line
	while IFS= read -r line; do
		if [[ $line =~ ^FAILED\ ([^ ]+)$ ]]; then
			[ -z "$name" ] || count_failure "$1: $name" "$said"
			name=${BASH_REMATCH[1]} said=
		else
			said=$said${line#    }$'\n'
		fi
	done
	[ -z "$name" ] || count_failure "$1: $name" "${said%$'\n'}"
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
		count_failed_cases "$1" < <(sed '1,/^integration tests:/d; $d' "$log")
	else
		count_failure "$1: the integration tests did not end" "$(cat "$log")"
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
	local targets
	stage_build fuzz fuzz_targets
	case $broken in *" fuzz "*) return ;; esac
	stage_start "fuzz, $FUZZ_SECONDS s each at most"
	targets=$(find "$TOP/build/fuzz/fuzz" -maxdepth 1 -type f -name 'fuzz_*' -perm -u+x | sort)
	[ -z "${1:-}" ] || targets=$(grep -E "$1" <<<"$targets")
	[ -n "$targets" ] || return
	while read -r verdict name; do
		if [ "$verdict" = passed ]; then
			passed=$((passed + 1))
		else
			count_failure "fuzz: $name (see build/fuzz/findings/$name)" \
				"$(cat "$TOP/build/fuzz/findings/$name/log")"
		fi
	done < <(xargs -P 2 -n 1 "$TOP/tools/dev/fuzz_one" "$TOP" "$FUZZ_SECONDS" <<<"$targets")
	stage_end
}

stage_summary() {
	local total=$((passed + failed)) f
	for f in "${reasons[@]::REASONS}"; do
		printf '\nFAILED %s\n' "$f"
	done
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
