"""`version`: of this program, the API server, and what the API server can do for approvals."""

from __future__ import annotations

from importlib.metadata import version as installed

from watchkeeper.api.v1alpha1.meta import API_VERSION, GROUP, VERSION
from watchkeeper.cli.cluster import Cluster
from watchkeeper.cli.session import Session
from watchkeeper.errors import Gone, WatchkeeperError

_STAMPS = "/apis/admissionregistration.k8s.io/v1"


async def version(session: Session) -> None:
    """Show the versions of this program, of the API server and of the kinds."""
    session.screen.say(f"watchkeeper {installed('watchkeeper')}, kinds {API_VERSION}")
    async with session.cluster() as cluster:
        answer = await cluster.server.request("GET", "/version")
        session.screen.say(f"API server {answer.get('gitVersion', 'of an unknown version')}")
        session.screen.say(await _kinds(cluster))
        session.screen.say(await _stamping(cluster))


async def _kinds(cluster: Cluster) -> str:
    try:
        found = await cluster.server.request("GET", f"/apis/{GROUP}/{VERSION}")
    except (Gone, WatchkeeperError) as error:
        return f"the kinds of Watchkeeper are not served: {error.message}"
    names = sorted(one["kind"] for one in found.get("resources", []) if "/" not in one["name"])
    return f"kinds served: {', '.join(names)}"


async def _stamping(cluster: Cluster) -> str:
    found = await cluster.server.request("GET", _STAMPS)
    names = {one["name"] for one in found.get("resources", [])}
    if "mutatingadmissionpolicies" in names:
        return "kubectl alone: short commands will do, the API server can fill in who decides"
    return "kubectl alone: people sign by hand; this program does it for you"
