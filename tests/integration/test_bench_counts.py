"""What Watchkeeper asks of PD does not grow with the number of regions: counted in the simulator's own request log."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from localcluster.bench import requestcounts
from localcluster.bench.database import PDRequest, Size
from localcluster.bench.yard import ASK_ONE, yard
from localcluster.cluster import Cluster
from localcluster.installation import install

FEW_MANY = ((6, 30), (6, 6_000), (60, 60), (60, 6_000))
MAX_OF_A_LOOK = 10
MAX_OF_A_PROPOSAL = 30


def shapes(requests: Iterable[PDRequest]) -> list[str]:
    """Method and path with the numbers left out."""
    return [f"{request.method} {re.sub(r'/[0-9]+', '/N', request.path)}" for request in requests]


async def test_requests_to_pd_do_not_grow_with_regions_or_stores(control_plane: Cluster, tmp_path: Path) -> None:
    install(control_plane)
    async with yard(control_plane, tmp_path) as opened:
        places = [await opened.place(Size(stores, regions, 1.0), ASK_ONE) for stores, regions in FEW_MANY]
        looks = await requestcounts.observations(opened, places)
        counted = await requestcounts.proposals(opened, places)
    print(f"\nrequests of each look: {looks}")
    for size, counts in zip(FEW_MANY, counted, strict=True):
        parts = (counts.planned, counts.checked, counts.writes, counts.verified)
        print(f"stores, regions {size}: planned, checked, written, verified {[len(part) for part in parts]}")

    assert all(len(of_place) >= 2 for of_place in looks)
    assert len({count for of_place in looks for count in of_place}) == 1, "every look costs the same, whatever the size"
    assert 0 < looks[0][0] <= MAX_OF_A_LOOK
    first = counted[0]
    for counts in counted:
        assert shapes(counts.planned) == shapes(first.planned) != []
        assert shapes(counts.checked) == shapes(first.checked) != []
        assert len(counts.writes) == 1
        assert set(shapes(counts.verified)) == set(shapes(first.verified)) != set()
        asked = len(counts.planned) + len(counts.checked) + len(counts.verified)
        assert asked <= MAX_OF_A_PROPOSAL
        everything = shapes([*counts.planned, *counts.checked, *counts.verified])
        assert not [path for path in everything if path.endswith("/regions")], "never all regions"
