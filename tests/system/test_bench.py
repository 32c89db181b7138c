"""test_bench.py -- the benches measure: some splits, a power-off; no times are judged."""
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import sys

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bench")
sys.path.append(FOLDER)

import bench  # noqa: E402 -- the path above leads to it
from arbiters import certify  # noqa: E402


def test_two_splits_are_measured(env):
    result = json.loads(env.run([
        sys.executable, os.path.join(FOLDER, "bench.py"), "--bin", env.bin, "--only", "ours",
        "--rounds", "2", "--heartbeat", "200", "--json"], seconds=60).stdout)
    assert result["rounds"] == 2
    times = result["ours"]
    assert 0 < times["median"] <= times["p95"] <= times["max"], result


def test_a_broken_run_is_no_measurement(env):
    _, node = certify(env, "ours", bench.CLUSTER)
    done = env.run([env.program("../bench/split_to_ack"), "--rounds", "2",
                    "--arbiter", "nobody", env.free_port(), node], check=False)
    assert done.returncode == 1 and not done.stdout, done
    assert "nobody: node" in done.stderr and "refused" in done.stderr, done.stderr


def test_a_power_off_is_measured(env):
    env.need_program("corosync")
    result = json.loads(env.run([
        sys.executable, os.path.join(FOLDER, "power_off.py"), "--bin", env.bin, "--only", "ours",
        "--rounds", "1", "--token", "1000", "--timeout", "2000", "--json"], seconds=120).stdout)
    times = result["ours"]
    assert 0 < times["formed"]["median"] <= times["settled"]["median"], result
    assert times["waited"]["least"] >= 0, result
