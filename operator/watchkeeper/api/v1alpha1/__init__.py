"""Version v1alpha1 of the kinds: import them from here."""

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, ActionProposalSpec, ActionProposalStatus
from watchkeeper.api.v1alpha1.emergencystop import EmergencyStop
from watchkeeper.api.v1alpha1.meta import Key, ObjectMeta, Resource
from watchkeeper.api.v1alpha1.operatorpolicy import OperatorPolicy
from watchkeeper.api.v1alpha1.standingchange import StandingChange
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.api.v1alpha1.ticket import Ticket

KINDS: tuple[type[Resource], ...] = (Subject, OperatorPolicy, ActionProposal, StandingChange, Ticket, EmergencyStop)
"""Every kind, in the order in which documentation lists them."""

__all__ = [
    "KINDS",
    "ActionProposal",
    "ActionProposalSpec",
    "ActionProposalStatus",
    "EmergencyStop",
    "Key",
    "ObjectMeta",
    "OperatorPolicy",
    "Resource",
    "StandingChange",
    "Subject",
    "Ticket",
]
