"""Devices, threads and the libraries of linear algebra, as torch sees them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alignkit.doctor.child import ChildError, answer_of
from alignkit.doctor.finding import OK, PROBLEM, WARNING, Finding
from alignkit.runs.space import in_bytes

NVIDIA = Path("/proc/driver/nvidia/version")  # there where the driver is loaded
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # "quota period" in microseconds, or "max period"
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def check_torch(_: Path) -> list[Finding]:
    """Ask torch, in another process, for the devices and threads; it may fail to be imported."""
    try:
        facts = answer_of("alignkit.doctor.probe", "torch")
    except ChildError as error:
        remedy = "reinstall it: pip install --force-reinstall torch"
        return [Finding("torch", PROBLEM, f"it cannot be used: {error}", remedy)]
    return [*devices(facts), threads(facts, cores()), blas(facts["pools"])]


def devices(facts: Mapping[str, Any]) -> list[Finding]:
    """Say which devices there are, and which of them do not compute."""
    findings = []
    for device in facts["devices"]:
        memory = f", {in_bytes(device['memory'])}" if device["memory"] else ""
        if device["error"]:
            remedy = "install a torch for it (pytorch.org), or: alignkit train --device cpu"
            found = f"{device['name']} does not compute: {device['error']}"
            findings.append(Finding("devices", PROBLEM, found, remedy))
        else:
            findings.append(Finding("devices", OK, f"{device['name']}{memory}"))
    if findings:
        return findings
    if NVIDIA.is_file() or shutil.which("nvidia-smi"):
        built = f"built for CUDA {facts['cuda']}" if facts["cuda"] else "built without CUDA"
        remedy = "install a torch for the driver that nvidia-smi shows (pytorch.org)"
        found = f"there is an NVIDIA driver, but torch, {built}, finds no GPU"
        return [Finding("devices", WARNING, found, remedy)]
    return [Finding("devices", OK, "the CPU; no GPU")]


def cores() -> int:
    """Return how many processors this process may use: of its affinity and its container."""
    affinity = getattr(os, "sched_getaffinity", None)
    allowed = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, _, period = QUOTA.read_text().strip().partition(" ")
        return max(1, min(allowed, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no container, or one without a limit
        return allowed


def threads(facts: Mapping[str, Any], available: int) -> Finding:
    """Compare the threads that torch and BLAS use with the processors that there are."""
    most = max([facts["threads"], *(pool["threads"] for pool in facts["pools"])])
    chosen = ", ".join(f"{name}={os.environ[name]}" for name in VARIABLES if name in os.environ)
    found = f"{facts['threads']} of torch, {most} at most, on {available} processors"
    found += f" ({chosen})" if chosen else ""
    if most > available:
        remedy = f"threads wait for each other: export OMP_NUM_THREADS={available}"
        return Finding("threads", WARNING, found, remedy)
    return Finding("threads", OK, found)


def blas(pools: Sequence[Mapping[str, Any]]) -> Finding:
    """Name the libraries of linear algebra; two of OpenMP may wait for each other for ever."""
    libraries = {
        f"{pool['library']} {pool['version']}".strip() for pool in pools if pool["kind"] == "blas"
    }
    found = ", ".join(sorted(libraries)) or "that of torch alone"
    openmp = {pool["prefix"] for pool in pools if pool["kind"] == "openmp"}
    if {"libiomp", "libomp"} <= openmp:
        remedy = "install numpy, scipy and torch from one source, all from pip or all from conda"
        return Finding("BLAS", WARNING, f"{found}; OpenMP of both Intel and LLVM", remedy)
    return Finding("BLAS", OK, found)
