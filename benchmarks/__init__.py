"""Measurements that anyone can repeat: `python -m benchmarks` lists them, `python -m benchmarks NAME --json` runs one."""
