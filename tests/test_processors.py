"""How many cores a process may use."""

import os

import pytest

from napari_sen.processors import cores, group_cores


class Groups:
    """A made-up tree of control groups of one version; the process is in /batch/job."""

    def __init__(self, folder, version):
        self.version, self.root, self.names = version, folder / "cgroup", folder / "own"
        self.base = self.root / "cpu" if version == 1 else self.root
        self.base.mkdir(parents=True)
        line = "0::/batch/job" if version == 2 else "7:cpu,cpuacct:/batch/job"
        self.names.write_text(f"3:freezer:/elsewhere\n{line}\n")

    def limit(self, path, quota, period=100_000):
        folder = self.base / path
        folder.mkdir(parents=True, exist_ok=True)
        if self.version == 2:
            (folder / "cpu.max").write_text(f"{'max' if quota is None else quota} {period}\n")
        else:
            (folder / "cpu.cfs_quota_us").write_text(f"{-1 if quota is None else quota}\n")
            (folder / "cpu.cfs_period_us").write_text(f"{period}\n")

    def cores(self):
        return group_cores(self.root, self.names)


@pytest.fixture(params=[1, 2])
def groups(tmp_path, request):
    return Groups(tmp_path, request.param)


def test_a_quota_is_so_many_cores(groups):
    groups.limit("batch/job", 250_000)
    groups.limit("batch/other", 100_000)
    assert groups.cores() == 2.5
    groups.limit("batch", 50_000, 25_000)
    assert groups.cores() == 2
    groups.limit("", 100_000)  # in a container
    assert groups.cores() == 1


def test_without_a_quota_there_is_none(groups, tmp_path):
    assert groups.cores() is None
    groups.limit("batch/job", None)
    assert groups.cores() is None
    assert group_cores(groups.root, tmp_path / "missing") is None


def test_there_is_at_least_one_core_and_no_more_than_this_process_may_run_on(monkeypatch):
    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for quota, expected in ((None, free), (0.5, 1), (1.9, 1), (10_000, free)):
        monkeypatch.setattr("napari_sen.processors.group_cores", lambda quota=quota: quota)
        assert cores() == expected
