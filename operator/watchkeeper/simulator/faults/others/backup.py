"""BR, Lightning and CDC, as PD shows them.

Sources: `br/pkg/pdutil` and `br/pkg/utils/safe_point.go` of tidb v8.5 for what is paused, set and for how long.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from watchkeeper.simulator.faults.fault import Area, Heal, Lasting, all_of
from watchkeeper.simulator.faults.others.people import V1
from watchkeeper.simulator.faults.scene import Scene
from watchkeeper.simulator.world.state import ServiceSafePoint

TTL_SECONDS = 300
_RENEW_SECONDS = 100.0
_PAUSED_BY_RESTORE = ("balance-leader-scheduler", "balance-hot-region-scheduler", "balance-region-scheduler")
_MOST = 40
_TIMES_STORES = ("leader-schedule-limit", "region-schedule-limit", "max-snapshot-count", "max-pending-peer-count")
_ZERO = ("merge-schedule-limit", "max-merge-region-size", "max-merge-region-keys")


class Tool(Lasting):
    """What programs have in common that renew what they hold, and let it run out when they die."""

    area: ClassVar[Area] = Area.OTHERS

    dies: bool = Field(
        default=False, description="healing kills it: nothing is cleaned up, and what it holds runs out by itself"
    )


class BrBackup(Tool):
    """BR backs up: it holds garbage collection at its start, as a service with a time to live of 5 minutes.

    GET /gc/safepoint shows the service br-…; nothing is paused.
    """

    kind: Literal["br-backup"] = "br-backup"
    service: str = Field(default="br-2d0c8f6e", min_length=1, description="its service id")

    def begin(self, scene: Scene) -> Heal:
        """Hold, and renew."""
        point = scene.tso(0)
        return _service(scene, self.dies, self.service, TTL_SECONDS, point)


class BrRestore(Tool):
    """BR restores: balance schedulers are paused for 5 minutes at a time, and temporary values change PD's limits.

    ?status=paused shows the pauses; the temporary values cannot be read, only a plain write of such a key is refused.
    """

    kind: Literal["br-restore"] = "br-restore"

    def begin(self, scene: Scene) -> Heal:
        """Pause and set, and renew both."""
        stop = scene.every(_RENEW_SECONDS, lambda: _restore(scene, TTL_SECONDS))
        return all_of(scene.hold("br-restore", _nothing, _nothing if self.dies else lambda: _restore(scene, 0)), stop)


def _nothing() -> None:
    """Nothing to do."""


def _restore(scene: Scene, seconds: int) -> None:
    for name in _PAUSED_BY_RESTORE:
        if scene.coordinator.schedulers.get(name) is not None:
            scene.insist("br", "POST", f"{V1}/schedulers/{name}", {"delay": seconds}, about=f"br {name}")
    stores = len(scene.world.living_stores())
    schedule = scene.world.config.schedule
    values: dict[str, Any] = {f"schedule.{key}": min(_MOST, int(schedule[key]) * stores) for key in _TIMES_STORES}
    values |= {f"schedule.{key}": 0 for key in _ZERO}
    values["schedule.enable-location-replacement"] = "false"
    scene.insist("br", "POST", f"{V1}/config?ttlSecond={seconds}", values, about="br config")


class Lightning(Tool):
    """Lightning imports into a key range: region labels `schedule=deny` keep PD's balancing off it.

    The label has a time to live of 5 minutes and is renewed; GET /config/region-label/rules shows it.
    """

    kind: Literal["lightning"] = "lightning"
    regions: int = Field(default=10, ge=1, le=10_000_000, description="how many regions, from the first one")

    def begin(self, scene: Scene) -> Heal:
        """Label, and renew."""
        covered = [region for region, _ in zip(scene.world.regions, range(self.regions), strict=False)]
        if not covered:
            raise ValueError("the cluster has no regions")
        rule = f"lightning-{scene.world.ids.allocate()}"
        data = [{"start_key": covered[0].start_key.hex(), "end_key": covered[-1].end_key.hex()}]
        labels = [{"key": "schedule", "value": "deny", "ttl": "5m0s"}]
        body = {"id": rule, "labels": labels, "rule_type": "key-range", "data": data}
        path = f"{V1}/config/region-label/rule"
        stop = scene.every(_RENEW_SECONDS, lambda: scene.insist("lightning", "POST", path, body, about=rule))
        if self.dies:
            return stop
        return all_of(lambda: scene.insist("lightning", "DELETE", f"{path}/{rule}", about=rule), stop)


class CdcHoldsGc(Tool):
    """A changefeed of CDC is stuck and holds garbage collection for a day.

    GET /gc/safepoint shows the service ticdc-…, and min_service_gc_safe_point stands still.
    """

    kind: Literal["cdc-gc"] = "cdc-gc"
    service: str = Field(default="ticdc-default-1", min_length=1, description="its service id")
    age_hours: float = Field(default=26.0, ge=0, le=8760, description="how old its safe point is")
    ttl_seconds: int = Field(default=86_400, ge=1, le=31_536_000, description="its time to live")

    def begin(self, scene: Scene) -> Heal:
        """Hold at that point, and renew."""
        point = scene.tso(self.age_hours * 3600)
        return _service(scene, self.dies, self.service, self.ttl_seconds, point)


def _service(scene: Scene, dies: bool, service: str, ttl_seconds: int, point: int) -> Heal:
    """Hold garbage collection and renew it; a service that several hold goes with the last."""
    stop = scene.every(_RENEW_SECONDS, lambda: hold_gc(scene, service, ttl_seconds, point))
    release = _nothing if dies else lambda: release_gc(scene, service)
    return all_of(scene.hold(f"gc/{service}", _nothing, release), stop)


def hold_gc(scene: Scene, service: str, ttl_seconds: int, point: int) -> None:
    """Write a service's safe point, as PD's gRPC does: no HTTP route can."""
    expires = scene.world.unix_seconds() + ttl_seconds
    scene.world.services[service] = ServiceSafePoint(service, expires, point)


def release_gc(scene: Scene, service: str) -> None:
    """Take it away."""
    scene.world.services.pop(service, None)
