"""How regions merge in tests that do not care."""

from typing import Any

from napari_sen.params import HierarchyParams, MergeSettings


def merging(**given: Any) -> MergeSettings:
    """Return the settings of photographs, but for those given."""
    return HierarchyParams(**given).tree("natural").merging


NATURAL = merging()
