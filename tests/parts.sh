# parts.sh -- the parts of `./dev test`, which reads this file: what each runs, which run side by side,
# and how their counts are added up.
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash

test_help() {
    cat <<'TEXT'
./dev test                 everything; the last line is `N passed, N failed, N skipped`
./dev test unit [REGEX]    only the unit and golden tests (clang with ASan and UBSan)
./dev test campaign [REGEX]  only a taste of the simulator and the explorer (release build)
./dev test system [NAME]   only the system tests with the release build; NAME `flows`: every mix of
                           every set-up flow, which `./dev test` leaves out
./dev test lint            only the lint
TEXT
}

# Each part leaves one line `passed failed skipped` in $tally, which is its own while it runs; one
# that dies early counts as a failure, so that the sum can never look better than it was.
part() {
    local name=$1 sum=$tally tally status=0
    shift
    tally=$(mktemp)
    stage "test: $name"
    "$@" || status=$?
    if [ $status -ne 0 ] && [ ! -s "$tally" ]; then echo "0 1 0" >"$tally"; fi
    cat "$tally" >>"$sum"
    rm -f "$tally"
    [ $status -ne 0 ] || return 0
    say "failed: $name"
    say "repeat it with: ./dev test $name"
}

# What only computes is done behind what mostly waits, as far as the processors have nothing else to
# do: in a session of its own, since Linux shares them out among sessions first. Told at its end.
beside() {
    beside_log=$(mktemp)
    setsid ./dev "$@" >"$beside_log" 2>&1 &
    beside_pid=$!
}
beside_end() {
    wait "$beside_pid" || echo "0 1 0" >>"$tally"
    beside_pid=
    cat "$beside_log"
    rm -f "$beside_log"
}

# computing TALLY: the parts of `all` that need no quiet.
computing() {
    tally=$1
    echo 19 2>/dev/null >/proc/self/autogroup || true
    renice -n 19 $$ >/dev/null
    part unit part_unit
    part campaign part_campaign
    tally=  # the sum is whose it was
}

part_lint() { python3 tests/lint/run.py --self-test --tally "$tally"; }

# part_ctest PRESET [REGEX]: builds what ctest runs there, and runs it.
part_ctest() {
    local preset=$1 filter=() status=0
    build_preset "$preset" castvote_tests || return 1
    if [ $# -gt 1 ]; then filter=(-R "$2"); fi
    (cd "build/$preset" && ctest --output-on-failure --no-tests=error --timeout 900 -j "$(nproc)" \
        --output-junit ctest.xml "${filter[@]}") || status=1
    python3 tests/count_ctest.py "build/$preset/ctest.xml" >>"$tally" || status=1
    return $status
}

part_unit() { part_ctest dev "$@"; }

part_campaign() { part_ctest release "$@"; }

part_system() {
    build_preset release all split_to_ack compare || return 1
    python3 tests/system/run.py --bin build/release/bin --tally "$tally" "$@"
}

run_tests() {
    local what=${1:-all}
    case $what in
    --help) test_help && return 0 ;;
    all | lint | unit | campaign | system | computing) [ $# -eq 0 ] || shift ;;
    *) test_help >&2 && exit 2 ;;
    esac
    [ "$what" = computing ] || tally=$(mktemp)
    case $what in
    all)
        need build test sanitize stock lint
        part lint part_lint
        build_preset release all split_to_ack compare castvote_tests || true  # told by its parts
        stage "test: unit, campaign (behind the next; what they say comes at the end)"
        beside test computing "$tally"
        part system part_system
        beside_end
        ;;
    computing)
        computing "$1"
        return
        ;;
    lint) need lint && part lint part_lint ;;
    unit) part unit part_unit "$@" ;;
    campaign) part campaign part_campaign "$@" ;;
    system) need test stock && part system part_system "$@" ;;
    esac
    python3 tests/count_ctest.py --sum "$tally"
}
